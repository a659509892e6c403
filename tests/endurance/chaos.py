#!/usr/bin/env python3
"""Chaos: what can go wrong around the hub goes wrong, one thing after the other, while two participants play. After
each the session works as before, and the log says what happened.

    chaos.py BUILD

Devices, D-Bus and Avahi that vanish have lanes of their own, with the real daemons: tests/discovery-lanes, tests/local.
Actors that fail are in the actors' own tests.
"""
import errno
import mmap
import pathlib
import re
import shutil
import signal
import struct
import sys
import time

from lane import Hub, Report, Seconds

FIELDS = ("send_errno", "send_permille", "receive_errno", "receive_permille", "write_errno", "close_udp")


class Faults:
    """The orders that faults.cpp reads."""

    def __init__(self, file):
        file.write_bytes(bytes(64))
        with open(file, "r+b") as opened:
            self.memory = mmap.mmap(opened.fileno(), 64)
        self.values, self.step = dict.fromkeys(FIELDS, 0), 0

    def set(self, clock_step=0, **values):
        self.values.update(values)
        self.memory[:32] = struct.pack("=6iq", *(self.values[key] for key in FIELDS), clock_step)

    def none(self):
        kept = self.values["close_udp"]
        self.values = {**dict.fromkeys(FIELDS, 0), "close_udp": kept}
        self.set()


class Chaos:
    def __init__(self, build):
        folder = build / "endurance" / "chaos"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.build, self.report = build, Report()
        self.faults = Faults(folder / "faults")
        library = next(build.glob("tests/libfaults.so"))
        self.folder, self.library = folder, library
        self.hub = self.start(0)
        self.pair = Seconds([build / "tests/pair", "127.0.0.1", self.hub.port, 600, 200])
        self.joined(30)

    def start(self, port):
        return Hub(self.build, self.folder, {
            "sessions": [{"name": "Chaos", "port": port}],
            "local": {"alsa": {"enabled": False}, "jack": {"enabled": False}}, "discovery": {"mode": "off"}},
            {"LD_PRELOAD": str(self.library), "TUTTI_FAULTS": str(self.folder / "faults")})

    def joined(self, seconds):
        end = time.monotonic() + seconds
        while not self.pair.records() and time.monotonic() < end:
            time.sleep(0.1)

    def broken(self):
        return self.pair.records()[-1]["broken"] if self.pair.records() else 0

    def works_again(self, what, within):
        """Waits for a second in which all 200 messages are heard; tells how long that took."""
        begin = time.monotonic()
        while time.monotonic() < begin + within:
            time.sleep(0.2)
            good = [one for one in self.pair.between(begin, time.monotonic()) if one["lost"] == 0 and one["p50_ms"] > 0]
            if good:
                return self.report.check(f"{what}: all is heard again", self.hub.alive(),
                                         f"after {max(0, good[0]['at'] - 1 - begin):.1f} s; {self.broken():g} sessions ended so far")
        return self.report.check(f"{what}: all is heard again within {within} s", False, str(self.pair.records()[-2:]))

    def during(self, seconds):
        begin = time.monotonic()
        time.sleep(seconds)
        return self.pair.between(begin, time.monotonic())

    def run(self):
        self.works_again("before anything", 10)
        self.full_send_queue()
        self.failing_receive()
        self.clock_steps()
        self.lost_sockets()
        self.stopped_process()
        self.pair.end()
        self.report.check("the hub ended in good order", self.hub.stop() == 0)
        return self.report.end()

    def full_send_queue(self):
        self.faults.set(send_errno=errno.EAGAIN, send_permille=300)
        lost = sum(one["lost"] for one in self.during(4))
        self.report.check("the system takes nothing in three of ten tries (EAGAIN): nothing is lost", lost == 0, f"{lost:g} lost")
        self.faults.set(send_errno=errno.ENOBUFS, send_permille=100)
        seconds = self.during(4)
        self.report.check("its buffers are full in one of ten tries (ENOBUFS): the session lives", bool(seconds) and self.broken() == 0,
                          f"{sum(one['lost'] for one in seconds):g} lost")
        self.faults.none()
        self.works_again("after that", 10)

    def failing_receive(self):
        self.faults.set(receive_errno=errno.ENOMEM, receive_permille=300)
        seconds = self.during(4)
        self.report.check("three of ten receive calls fail (ENOMEM): the session lives", bool(seconds) and self.broken() == 0)
        self.faults.none()
        self.works_again("after that", 10)

    def clock_steps(self):
        for hours in (1, -1):
            self.faults.set(clock_step=hours * 3600 * 10**9)
            lost = sum(one["lost"] for one in self.during(3))
            self.report.check(f"the wall clock jumps by {hours:+} h: nobody notices", lost == 0 and self.broken() == 0)
        self.faults.none()

    # systemd starts the hub again if it ends; what must not happen is a hub that runs and is deaf.
    def lost_sockets(self):
        self.faults.set(close_udp=self.faults.values["close_udp"] + 1)
        begin = time.monotonic()
        while self.hub.alive() and time.monotonic() < begin + 15:
            time.sleep(0.1)
        said = re.search(r"the socket of .* was closed.*", self.hub.said())
        self.report.check("its sockets are closed under it: it says so and ends", not self.hub.alive() and said is not None,
                          said.group() if said else self.hub.said()[-300:])
        self.hub.stop()
        self.hub = self.start(self.hub.port)
        self.works_again("started again, as systemd does", 30)

    def stopped_process(self):
        self.hub.signal(signal.SIGSTOP)
        time.sleep(10)
        self.hub.signal(signal.SIGCONT)
        self.works_again("stopped for 10 s", 30)


if __name__ == "__main__":
    sys.exit(Chaos(pathlib.Path(sys.argv[1])).run())
