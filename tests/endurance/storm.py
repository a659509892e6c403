#!/usr/bin/env python3
"""Storm: floods at the highest rate that the generator can make, beside a session that is measured. It loses nothing,
its p99 latency stays under twice the calm one, and the hub's tables stay bounded.

    storm.py BUILD [SECONDS A WINDOW [VISITS [INVITATIONS]]]

Calm and storm take turns, so that a slow minute of a shared machine touches both; the hub has one core, generator and
measured pair share the others, the pair first (SCHED_FIFO, if permitted).
"""
import os
import pathlib
import shutil
import sys
import time

from lane import Hub, Report, Seconds, Tool, median

FLOODS = (("garbage", "garbage to both ports"), ("foreign", "well-formed packets of foreign SSRCs"),
          ("insider", "the same from a participant that has joined"), ("invite", "invitations from 5,000 addresses"))


def pinned(core, *first):
    return ("taskset", "-c", str(core), *first) if os.cpu_count() > 1 else first


def fifo():
    try:
        before = os.sched_getparam(0), os.sched_getscheduler(0)
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
        os.sched_setscheduler(0, before[1], before[0])
        return ("chrt", "--fifo", "10")
    except PermissionError:
        return ()


def main():
    build = pathlib.Path(sys.argv[1])
    numbers = [int(word) for word in sys.argv[2:]] + [8, 10_000, 1_000_000][len(sys.argv) - 2:]
    window, visits, invitations = numbers
    folder = build / "endurance" / "storm"
    shutil.rmtree(folder, ignore_errors=True)
    report = Report()
    hub = Hub(build, folder, {
        "sessions": [{"name": "Storm", "port": 0}], "log": {"level": "warning"},
        # So that what else this machine does touches calm and storm as little as may be.
        "real_time": {"priority": 20, "lock_memory": True},
        "local": {"alsa": {"enabled": False}, "jack": {"enabled": False}}, "discovery": {"mode": "off"},
        "control": {"enabled": False}}, before=pinned(0))
    report.check("ready in less than 200 ms", hub.ready_ms < 200, f"{hub.ready_ms:.0f} ms")
    report.check("idle, it takes less than 20 MiB", hub.resident_kib() < 20 * 1024, f"{hub.resident_kib()} KiB")
    generator = pinned(1 if os.cpu_count() == 2 else f"1-{os.cpu_count() - 1}")

    def storm(kind, *arguments):
        return Tool([*generator, build / "tests/storm", kind, "127.0.0.1", hub.port, *arguments])

    rounds = 2
    total = int(len(FLOODS) * rounds * (2 * window + 3) + 60 + visits / 200)
    pair = Seconds([*generator, *fifo(), build / "tests/pair", "127.0.0.1", hub.port, total])
    while not pair.records():
        time.sleep(0.1)
        if pair.child.poll() is not None:
            sys.exit("the pair could not join")
    for kind, what in FLOODS:
        calm, stormy, rates = [], [], []
        for _ in range(rounds):
            begin = time.monotonic()
            time.sleep(window)
            calm += pair.between(begin, time.monotonic())
            flood = storm(kind, window + 1)
            time.sleep(0.5)
            begin = time.monotonic()
            flood.wait(window + 30)
            stormy += pair.between(begin, time.monotonic())
            rates.append(flood.figures().get("per_second", 0))
            time.sleep(1)
        calm_p99, storm_p99 = median([one["p99_ms"] for one in calm]), median([one["p99_ms"] for one in stormy])
        lost = sum(one["lost"] for one in stormy)
        report.check(f"{what}, {median(rates):,.0f}/s: the session loses nothing", bool(stormy) and lost == 0, f"{lost:g} lost")
        report.check(f"{what}: p99 is under twice the calm one", storm_p99 < 2 * calm_p99,
                     f"{storm_p99:.3f} ms, calm {calm_p99:.3f} ms")
    # Half-open sessions go after a while; then the table is what it was.
    time.sleep(5)
    before = hub.resident_kib()
    flood_seconds = 0
    sent = 0
    while sent < invitations and flood_seconds < 120:
        flood = storm("invite", 5)
        flood.wait(60)
        sent += flood.figures().get("sent", 0)
        flood_seconds += 5
    time.sleep(5)
    after = hub.resident_kib()
    report.check(f"{sent:,.0f} invitations from strangers leave memory where it was", after <= before * 1.01,
                 f"{before} KiB before, {after} KiB after")
    # Timers of the departed keep a little memory for some seconds: what the first visits took is what there is to be.
    storm("visit", visits).wait(600)
    time.sleep(15)
    before = hub.resident_kib()
    begin = time.monotonic()
    visit = storm("visit", visits)
    code = visit.wait(600)
    during = pair.between(begin, time.monotonic())
    report.check(f"{visits:,} visits, {visit.figures().get('per_second', 0):.0f}/s", code == 0)
    report.check("the session lost nothing meanwhile", sum(one["lost"] for one in during) == 0)
    report.check("and they leave memory where it was", hub.resident_kib() <= before * 1.01,
                 f"{before} KiB before, {hub.resident_kib()} KiB after")
    report.check("no session was broken", not pair.records() or pair.records()[-1]["broken"] == 0)
    pair.end()
    report.check("the hub ended in good order", hub.stop() == 0)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
