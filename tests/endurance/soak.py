#!/usr/bin/env python3
"""Soak: 200 participants of our engine, 4 of npm's rtpmidi, TCP clients that come and go, API clients that look and
change rules, for a given time. No event is lost or doubled, memory is flat, nothing leaks.

    soak.py BUILD SECONDS [MESSAGES PER SECOND]
"""
import pathlib
import random
import shutil
import socket
import sys
import threading
import time
from urllib.parse import quote

from lane import Ear, Hub, Report, Tool, ask, free_port, median, numbered
from processes import NodePeer

RESIDENTS, VISITORS, NODES, STREAMS, CALLERS = 150, 50, 4, 6, 3
FIRST_NODE, FIRST_STREAM = 240, 244  # sources, after those of the crowd


class Worker(threading.Thread):
    """Something that goes on until the lane ends."""

    def __init__(self):
        super().__init__(daemon=True)
        self.ending = threading.Event()
        self.quiet = threading.Event()  # goes on, but plays nothing more
        self.problem = None

    def run(self):
        try:
            self.work()
        except Exception as problem:  # pylint: disable=broad-except
            self.problem = f"{type(problem).__name__}: {problem}"


class NodePlayer(Worker):
    """One of npm's rtpmidi: plays five messages a second, and hears all others."""

    def __init__(self, node, source, hub):
        super().__init__()
        self.source, self.played, self.ear = source, 0, Ear()
        self.peer = NodePeer(node, f"Node {source}", "--join", f"127.0.0.1:{hub.port}")
        self.next = 0

    def listen(self):
        self.peer.wait_until(lambda: True, 0, "")
        for line in self.peer.seen:
            if line.startswith("midi "):
                self.ear.hear(bytes.fromhex(line[5:]))
        self.peer.seen.clear()

    def work(self):
        self.peer.wait_for("synchronised .*", 60)
        while not self.ending.wait(0.2):
            if not self.quiet.is_set():
                self.played += 1
                self.peer.say(numbered(self.source, self.played).hex())
            self.listen()

    def finish(self):
        self.listen()
        self.peer.end()


class Stream(Worker):
    """A TCP client: connects, plays ten messages a second and listens, leaves, comes again."""

    def __init__(self, source, port):
        super().__init__()
        self.source, self.port, self.played, self.visits = source, port, 0, 0
        self.ears = []

    def work(self):
        luck = random.Random(self.source)
        while not self.ending.is_set():
            with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
                connection.settimeout(0.1)
                self.visits += 1
                self.stay(connection, luck.uniform(3, 15))
            self.ending.wait(luck.uniform(0.1, 1))

    def stay(self, connection, seconds):
        ear, rest, running = Ear(), b"", 0
        self.ears.append(ear)
        end = next_message = time.monotonic()
        end += seconds
        # What is closed with something unread is reset, and what it sent last may be lost with it.
        last_word = end - 1
        while (now := time.monotonic()) < end and not self.ending.is_set():
            if now >= next_message and now < last_word and not self.quiet.is_set():
                self.played += 1
                connection.sendall(numbered(self.source, self.played))
                next_message += 0.1
            try:
                rest += connection.recv(65536)
            except TimeoutError:
                pass
            rest, running = read_stream(rest, running, ear)


def read_stream(octets, running, ear):
    """Three-octet messages with or without running status; all that this lane makes. Gives the rest."""
    at = 0
    while at < len(octets):
        status = octets[at] if octets[at] & 0x80 else running
        data = at + (1 if octets[at] & 0x80 else 0)
        if status >= 0xF8:
            at += 1
            continue
        length = 1 if status & 0xE0 == 0xC0 else 2
        if data + length > len(octets):
            break
        ear.hear(bytes([status]) + octets[data:data + length])
        at, running = data + length, status
    return octets[at:], running


class Caller(Worker):
    """An API client: looks at everything, adds rules that match nobody, takes them away again."""

    LOOKS = ("/api/v1/status", "/api/v1/ports", "/api/v1/peers", "/api/v1/routes", "/api/v1/rules", "/metrics", "/readyz")

    def __init__(self, number, port):
        super().__init__()
        self.number, self.port, self.calls, self.errors = number, port, 0, []

    def call(self, method, path, body=None):
        status, content = ask(self.port, method, path, body)
        self.calls += 1
        if status >= 400:
            self.errors.append(f"{method} {path}: {status} {content[:200]!r}")
        return status, content

    def work(self):
        luck = random.Random(self.number)
        count = 0
        while not self.ending.wait(luck.uniform(0.05, 0.5)):
            if luck.random() < 0.7:
                self.call("GET", luck.choice(self.LOOKS))
                continue
            count += 1
            name = f"soak {self.number} {count}"
            status, _ = self.call("POST", "/api/v1/rules", {
                "name": name, "from": f"name:Nobody {count}", "to": "*", "enabled": luck.random() < 0.5})
            if status < 300:
                self.ending.wait(0.2)
                self.call("DELETE", f"/api/v1/rules/{quote(name)}")


class Look(Worker):
    """What the process takes, once a second."""

    def __init__(self, hub):
        super().__init__()
        self.hub, self.resident = hub, []

    def work(self):
        while not self.ending.wait(1):
            self.resident.append(self.hub.resident_kib())


def at_rest(resident, begin):
    """The middle of a tenth of all looks: one of them may meet an answer of a megabyte that is on its way."""
    part = resident[int(len(resident) * begin):][:max(1, len(resident) // 10)]
    return median(part)


def main():
    build, seconds = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    rate = float(sys.argv[3]) if len(sys.argv) > 3 else 40
    folder = build / "endurance" / "soak"
    shutil.rmtree(folder, ignore_errors=True)
    tcp, api = free_port(), free_port()
    hub = Hub(build, folder, {
        "sessions": [{"name": "Soak", "port": 0}],
        "local": {"alsa": {"enabled": False}, "jack": {"enabled": False}},
        "discovery": {"mode": "off"},
        "tcp": {"listen": [{"name": "desk", "port": tcp}]},
        "control": {"listen": [f"127.0.0.1:{api}"]}}, {"STATE_DIRECTORY": str(folder)})
    report = Report()
    node = shutil.which("node")
    nodes = [NodePlayer(node, FIRST_NODE + i, hub) for i in range(NODES if node else 0)]
    for one in nodes:
        one.start()
    crowd = Tool([build / "tests/crowd", "127.0.0.1", hub.port, seconds, RESIDENTS, VISITORS, rate])
    while crowd.child.poll() is None and not crowd.lines:
        time.sleep(0.1)
    descriptors, threads = hub.descriptors(), hub.threads()
    look = Look(hub)
    streams = [Stream(FIRST_STREAM + i, tcp) for i in range(STREAMS)]
    callers = [Caller(i, api) for i in range(CALLERS)]
    for one in (look, *streams, *callers):
        one.start()
    begin, cpu = time.monotonic(), hub.cpu_seconds()
    # Those that the crowd hears stop before it does, so that it hears them to their end.
    crowd_ends = begin + seconds
    time.sleep(max(0, crowd_ends - time.monotonic() - 0.5))
    for one in (*streams, *nodes, *callers):
        one.quiet.set()
    code = crowd.wait(60)
    cpu = hub.cpu_seconds() - cpu
    for one in (*streams, *nodes, *callers, look):
        one.ending.set()
        one.join(20)
    for one in nodes:
        one.finish()
    time.sleep(1)

    figures = crowd.figures()
    print(f"{seconds} s, {RESIDENTS} residents, {VISITORS} visitors, {len(nodes)} of npm's rtpmidi, {STREAMS} TCP clients, "
          f"{CALLERS} API clients; {rate:g} messages/s of the crowd; hub's CPU {cpu / seconds * 100:.0f} %")
    for key, value in figures.items():
        report.note(f"{key} {value:g}")
    report.check("the crowd heard everything once and in order, and no session broke", code == 0)
    heard = sum(one.ear.heard for one in nodes)
    report.check("npm's rtpmidi heard everything once and in order",
                 heard > 0 and not any(one.ear.lost or one.ear.repeated for one in nodes) or not nodes,
                 f"{heard} heard, {sum(o.ear.lost for o in nodes)} lost, {sum(o.ear.repeated for o in nodes)} repeated")
    ears = [ear for one in streams for ear in one.ears]
    report.check("TCP clients heard everything once and in order",
                 sum(e.heard for e in ears) > 0 and not any(e.lost or e.repeated for e in ears),
                 f"{sum(e.heard for e in ears)} heard in {len(ears)} visits, {sum(e.lost for e in ears)} lost, "
                 f"{sum(e.repeated for e in ears)} repeated")
    errors = [error for one in callers for error in one.errors]
    report.check("API clients got what they asked for", not errors and sum(one.calls for one in callers) > 0,
                 f"{sum(one.calls for one in callers)} calls" + "".join(f"; {error}" for error in errors[:3]))
    problems = [one.problem for one in (*streams, *nodes, *callers, look) if one.problem]
    report.check("no client met anything unexpected", not problems, "; ".join(problems[:3]))
    middle, last = at_rest(look.resident, 0.5), at_rest(look.resident, 0.9)
    # What is compared are two moments four tenths of the run apart, so 1 % in half of it is 0.8 % here.
    report.check("memory grew by less than 1 % in the second half", last < middle * 1.008,
                 f"{look.resident[0]} KiB at first, {middle} in the middle, {last} at the end, {max(look.resident)} at most")
    report.check("file descriptors are as many as at first", hub.descriptors() <= descriptors,
                 f"{descriptors} and {hub.descriptors()}")
    report.check("threads are as many as at first", hub.threads() <= threads, f"{threads} and {hub.threads()}")
    report.check("the clocks of all residents stayed within 5 ms", figures.get("clock_ms_max_deviation", 99) <= 5)
    report.check("the hub ended in good order", hub.stop() == 0)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
