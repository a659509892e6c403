"""What the lanes share: the hub as a service manager sees it, the tools of the build, and the list of what was checked."""
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "interop"))


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(port, method, path, body=None):
    """A request to the control API: status and content."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


class Hub:
    """tutti serve with a configuration; its log is in FOLDER/hub.log."""

    def __init__(self, build, folder, configuration, environment=None, before=()):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "tutti.json"
        file.write_text(json.dumps(configuration, indent=1))
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(f"\0tutti-lane-{os.getpid()}-{time.monotonic_ns()}")
        notify.settimeout(20)
        self.log = open(self.folder / "hub.log", "w+", encoding="utf-8")
        started = time.monotonic()
        self.child = subprocess.Popen(
            [*before, str(build / "tutti"), "serve", "--config", str(file)], stdout=self.log, stderr=self.log,
            env={**os.environ, "NOTIFY_SOCKET": "@" + notify.getsockname()[1:].decode(), **(environment or {})})
        while b"READY=1" not in notify.recv(4096):
            pass
        self.ready_ms = (time.monotonic() - started) * 1000
        notify.close()
        found = re.search(r"listening on udp \S+:(\d+) and \d+", self.said())
        self.port = int(found.group(1)) if found else 0

    def said(self):
        return (self.folder / "hub.log").read_text(encoding="utf-8", errors="replace")

    def resident_kib(self):
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.child.pid}/status").read_text()).group(1))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.child.pid}/fd"))

    def threads(self):
        return len(os.listdir(f"/proc/{self.child.pid}/task"))

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def alive(self):
        return self.child.poll() is None

    def signal(self, number):
        self.child.send_signal(number)

    def stop(self):
        """Its exit code; None if it had to be killed."""
        if self.alive():
            self.child.terminate()
        try:
            return self.child.wait(5)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            return None


class Tool:
    """A program of the build; its lines are kept with the time at which they came."""

    def __init__(self, command):
        self.lines = []
        self.child = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True, bufsize=1)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.child.stdout:
            self.lines.append((time.monotonic(), line.rstrip("\n")))

    def wait(self, seconds=None):
        code = self.child.wait(seconds)
        self.reader.join(5)
        return code

    def figures(self):
        """The lines "key value" as a dictionary."""
        out = {}
        for _, line in self.lines:
            key, _, value = line.partition(" ")
            try:
                out[key] = float(value)
            except ValueError:
                pass
        return out

    def end(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()


class Seconds(Tool):
    """The pair: one record a second."""

    def records(self):
        out = []
        for at, line in list(self.lines):
            words = line.split()
            if words and words[0] == "second":
                out.append({"at": at, **{key: float(value) for key, value in zip(words[::2], words[1::2])}})
        return out

    def between(self, begin, end):
        """The seconds that lie wholly between these times."""
        return [one for one in self.records() if one["at"] - 1 >= begin and one["at"] <= end]


class Report:
    def __init__(self):
        self.failed = 0

    def check(self, sentence, good, figure=""):
        self.failed += not good
        print(f"{'ok  ' if good else 'FAIL'}  {sentence}{f': {figure}' if figure != '' else ''}", flush=True)

    def note(self, sentence):
        print(f"      {sentence}", flush=True)

    def end(self):
        print("all held" if not self.failed else f"{self.failed} did not hold", flush=True)
        return 1 if self.failed else 0


def median(values):
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else float("nan")


class Ear:
    """numbered_source.hpp's ear, for listeners in Python."""

    def __init__(self):
        self.last, self.heard, self.lost, self.repeated = {}, 0, 0, 0

    def hear(self, message):
        if len(message) != 3 or message[0] & 0xF0 != 0xA0:
            return
        bits = (message[0] & 15) << 14 | message[1] << 7 | message[2]
        source, count = bits >> 10, bits & 1023
        self.heard += 1
        if source in self.last:
            step = (count - self.last[source]) % 1024
            if step == 0 or step > 512:
                self.repeated += 1
            else:
                self.lost += step - 1
        self.last[source] = count


def numbered(source, count):
    bits = source << 10 | count % 1024
    return bytes([0xA0 | bits >> 14, bits >> 7 & 127, bits & 127])


def interrupted(*_):
    sys.exit(1)


signal.signal(signal.SIGTERM, interrupted)
