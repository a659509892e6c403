#!/usr/bin/env python3
"""Chaos: what can go wrong around the hub goes wrong, one thing after the other, while two participants play. After
each the session works as before, and the log says what happened.

    chaos.py BUILD

The participants have ports at a JACK server with the dummy driver, which nobody else sees (tests/jack/run). What vanishes
with a real daemon has lanes of its own, which end this one (root only): D-Bus and Avahi (tests/discovery-lanes), a JACK
server that is killed while it plays (tests/jack). ALSA's sequencer needs tests/alsa-vm.
"""
import contextlib
import errno
import http.client
import json
import mmap
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

from lane import HERE, Hub, Report, Seconds, ask, free_port

JACK_NAME = "tutti-chaos"
FIELDS = ("send_errno", "send_permille", "receive_errno", "receive_permille", "write_errno", "close_udp")


class Faults:
    """The orders that faults.cpp reads."""

    def __init__(self, file):
        file.write_bytes(bytes(64))
        with open(file, "r+b") as opened:
            self.memory = mmap.mmap(opened.fileno(), 64)
        self.values, self.ended = dict.fromkeys(FIELDS, 0), 0

    def set(self, clock_step=0, **values):
        self.values.update(values)
        self.memory[:32] = struct.pack("=6iq", *(self.values[key] for key in FIELDS), clock_step)

    def none(self):
        kept = self.values["close_udp"]
        self.values = {**dict.fromkeys(FIELDS, 0), "close_udp": kept}
        self.set()

    def end_actor(self, name):
        """The next actor of this name that has a message ends with an error."""
        self.ended += 1
        self.memory[36:64] = struct.pack("28s", name.encode())
        self.memory[32:36] = struct.pack("=i", self.ended)


class Gear:
    """What the hub connects to over TCP. It listens, and hangs up when it is told to."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.settimeout(20)
        self.port = self.server.getsockname()[1]

    def hang_up(self):
        self.server.accept()[0].close()


class Chaos:
    def __init__(self, build):
        folder = build / "endurance" / "chaos"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.build, self.report = build, Report()
        self.faults = Faults(folder / "faults")
        library = next(build.glob("tests/libfaults.so"))
        self.folder, self.library = folder, library
        self.jack = subprocess.Popen(
            ["jackd", "-r", "-m", "-S", "-t", "200", "-p", "512", "-n", JACK_NAME, "-d", "dummy", "-r", "48000", "-p", "256"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "JACK_NO_AUDIO_RESERVATION": "1"})
        self.tcp, self.api, self.gear = free_port(), free_port(), Gear()
        self.hub = self.start(0)
        self.pair = Seconds([build / "tests/pair", "127.0.0.1", self.hub.port, 600, 200])
        self.joined(30)

    def start(self, port):
        return Hub(self.build, self.folder, {
            "sessions": [{"name": "Chaos", "port": port}],
            "discovery": {"mode": "off"},
            "tcp": {"listen": [{"name": "desk", "port": self.tcp}], "connect": [{"host": "127.0.0.1", "port": self.gear.port}]},
            "multicast": [{"name": "cable", "interface": "lo"}],
            "local": {"jack": {"import": {"mode": "joined"}}},
            "control": {"listen": [f"127.0.0.1:{self.api}"]}},
            {"LD_PRELOAD": str(self.library), "TUTTI_FAULTS": str(self.folder / "faults"),
             "STATE_DIRECTORY": str(self.folder), "JACK_DEFAULT_SERVER": JACK_NAME})

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
        self.ports_return("both participants and the hub have ports at JACK")
        self.full_send_queue()
        self.failing_receive()
        self.clock_steps()
        self.full_disk()
        self.failing_actors()
        self.lost_sockets()
        self.stopped_process()
        self.failing_supervisor()
        self.pair.end()
        self.report.check("the hub ended in good order", self.hub.stop() == 0)
        self.jack.terminate()
        self.vanishing_daemons()
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

    def rules(self):
        return [one["id"] for one in json.loads(ask(self.api, "GET", "/api/v1/rules")[1])["items"]]

    def add_rule(self, name):
        return ask(self.api, "POST", "/api/v1/rules", {"name": name, "from": "name:Nobody", "to": "*"})[0] == 201

    def full_disk(self):
        self.faults.set(write_errno=errno.ENOSPC)
        taken = self.add_rule("while the disk is full")
        said = re.search(r"The change is in force, but will be gone after a restart.*", self.hub.said())
        lost = sum(one["lost"] for one in self.during(2))
        self.report.check("the disk is full as a rule is added: it is in force, the log says that it is not kept",
                          taken and "while the disk is full" in self.rules() and said is not None and lost == 0,
                          said.group() if said else self.hub.said()[-300:])
        self.faults.none()
        self.report.check("with room again the next change keeps both", self.add_rule("with room again"))

    def failing_actors(self):
        """Each in turn, with what gives it a message."""
        def call(path, method="GET"):
            return lambda: ask(self.api, method, path)

        def touch(octets=b""):
            with socket.create_connection(("127.0.0.1", self.tcp), 5) as client:
                client.sendall(octets)
                time.sleep(0.1)

        for name, stir in (
                ("peer_session", None), ("listener", call("/readyz")), ("multicast_port", None),
                ("tcp_port", lambda: touch(b"\x90\x3c\x40\x80\x3c\x40")), ("tcp_listener", touch), ("tcp_target", self.gear.hang_up),
                ("discovery", call("/api/v1/discovery")), ("local_port", None), ("jack_watch", touch), ("alsa_watch", None),
                ("configuration", call("/api/v1/config/reload", "POST")), ("control", call("/readyz")),
                ("monitor", lambda: self.add_rule("for the monitor")), ("router", None)):
            self.failing_actor(name, stir)
        self.report.check("both rules of before are there", {"while the disk is full", "with room again"} <= set(self.rules()))

    def failing_actor(self, name, stir):
        before = len(self.hub.said())
        self.faults.end_actor(name)
        begin = time.monotonic()
        said = None
        while not said and time.monotonic() < begin + 12:
            if stir:
                with contextlib.suppress(OSError, http.client.HTTPException):
                    stir()  # its answer may be lost with it
            time.sleep(0.1)
            said = re.search(r"error (.*unexpectedly.*)", self.hub.said()[before:])
        self.report.check(f"the {name} fails", said is not None, said.group(1) if said else "nothing is said of it")
        self.works_again("after that", 40)
        end = time.monotonic() + 10
        while not (ready := self.is_ready()) and time.monotonic() < end:
            time.sleep(0.1)
        if not ready:
            self.report.check("and it is ready", False)
        self.ports_return("and every port is there once")

    def ports(self):
        with contextlib.suppress(OSError, http.client.HTTPException):
            found = json.loads(ask(self.api, "GET", "/api/v1/ports")[1]).get("items", [])
            return sorted(one["id"] for one in found if one["up"])
        return []

    def ports_return(self, what):
        gear = f"127.0.0.1:{self.gear.port}"
        expected = ["jack/Tutti/Hub", "jack/Tutti/Listener", "jack/Tutti/Player", "multicast/225.0.0.37:21928/cable",
                    "rtp/Chaos/Listener", "rtp/Chaos/Player", f"tcp/127.0.0.1/{gear}"]
        end = time.monotonic() + 20
        while (found := self.ports()) != expected and time.monotonic() < end:
            time.sleep(0.1)
        self.report.check(what, found == expected, "" if found == expected else str(found))

    def is_ready(self):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return ask(self.api, "GET", "/readyz")[0] == 200 and ask(self.api, "GET", "/api/v1/rules")[0] == 200
        return False

    def failing_supervisor(self):
        before = len(self.hub.said())
        self.faults.end_actor("supervisor")
        begin = time.monotonic()
        while self.hub.alive() and time.monotonic() < begin + 10:
            with contextlib.suppress(OSError, http.client.HTTPException):
                ask(self.api, "GET", "/readyz")
        said = re.search(r"error (the supervisor failed.*)", self.hub.said()[before:])
        self.report.check("the supervisor fails: the hub says so and ends, for systemd to start it again",
                          not self.hub.alive() and self.hub.child.returncode == 1 and said is not None, said.group(1) if said else "")
        self.hub.stop()
        self.hub = self.start(self.hub.port)
        self.works_again("started again, as systemd does", 40)
        self.report.check("with the rules of before", {"while the disk is full", "with room again"} <= set(self.rules()))

    def vanishing_daemons(self):
        if os.environ["TUTTI_CHAOS_USER"] != "0":
            self.report.note("D-Bus, Avahi and JACK: left out, they take root")
            return
        for what, command in (
                ("D-Bus and Avahi vanish and come back", (HERE.parent / "discovery-lanes", self.build / "tests/mdns_tool",
                                                          self.build / "tutti", "restart")),
                ("a JACK server is killed under traffic", (HERE.parent / "jack/run", self.build / "tests/jack_tests",
                                                           "a server killed under traffic*"))):
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                                  env={key: value for key, value in os.environ.items() if key != "TUTTI_JACK_NAMESPACE"})
            self.report.check(what, done.returncode == 0, "" if done.returncode == 0 else done.stdout[-600:])

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
    if "TUTTI_JACK_NAMESPACE" not in os.environ:
        os.environ["TUTTI_CHAOS_USER"] = str(os.geteuid())
        os.execv(HERE.parent / "jack/run", ["run", sys.executable, *sys.argv])
    sys.exit(Chaos(pathlib.Path(sys.argv[1])).run())
