"""The hub and the node peers as processes under test: started, spoken to, and always ended."""
import pathlib
import queue
import re
import signal
import socket
import subprocess
import threading
import time

HERE = pathlib.Path(__file__).parent


class Process:
    """A child whose stdout is read line by line."""

    def __init__(self, name, command):
        self.name, self.lines, self.seen = name, queue.Queue(), []
        self.child = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      text=True, bufsize=1)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.child.stdout:
            self.lines.put(line.rstrip("\n"))

    def wait_for(self, pattern, seconds):
        """The match of the first line, of all so far and to come, that the pattern matches in full."""
        return self.wait_until(lambda: next(filter(None, (re.fullmatch(pattern, line) for line in self.seen)), None),
                               seconds, f"a line like {pattern!r}")

    def wait_until(self, condition, seconds, what):
        end = time.monotonic() + seconds
        while True:
            while not self.lines.empty():
                self.seen.append(self.lines.get())
            if found := condition():
                return found
            if time.monotonic() > end:
                raise AssertionError(f"{self.name}: {what} did not come within {seconds} s; it printed {self.seen}")
            time.sleep(0.01)

    def say(self, line):
        self.child.stdin.write(line + "\n")

    def end(self):
        """Ends it whatever its state; for tearDown."""
        self.child.stdin.close()
        try:
            self.child.wait(2)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.child.stdout.close()


class Hub(Process):
    """tutti serve on a free port pair; .port is its control port."""

    def __init__(self, program, session, *options):
        super().__init__(f"hub {session!r}", [program, "serve", "--session", session, "--port", "0",
                                             "--discovery", "off", *options])
        self.port = int(self.wait_for(
            rf'session "{re.escape(session)}" listening on udp (\S+):(?P<port>\d+) and \d+', 10)["port"])

    def stop(self):
        """Asks it to end, as a service manager does; returns its exit code and how long it took."""
        at = time.monotonic()
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(5), time.monotonic() - at

    def end(self):
        if self.child.poll() is None:
            self.child.terminate()
        super().end()


class NodePeer(Process):
    """A peer of npm's rtpmidi: rtpmidi_peer.js tells what it prints and what it takes."""

    def __init__(self, node, name, *options):
        self.port = free_pair()
        super().__init__(f"node peer {name!r}",
                         [node, HERE / "rtpmidi_peer.js", "--name", name, "--port", self.port, *options])
        self.wait_for(f"listening {self.port}", 10)

    def midi(self):
        return [line[5:] for line in self.seen if line.startswith("midi ")]

    def wait_for_midi(self, expected, seconds=3):
        """Waits until as many messages have come as are expected, and a little longer for ones too many."""
        try:
            self.wait_until(lambda: len(self.midi()) >= len(expected), seconds, "MIDI")
        except AssertionError:
            pass
        time.sleep(0.2)
        self.wait_until(lambda: True, 0, "")
        if self.midi() != list(expected):
            raise AssertionError(f"{self.name} heard {self.midi()} instead of {list(expected)}")


def free_pair():
    """An even UDP port that is free together with the next one."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two:
            one.bind(("", 0))
            port = one.getsockname()[1]
            if port % 2 == 0:
                try:
                    two.bind(("", port + 1))
                    return port
                except OSError:
                    pass


def has_ipv6():
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("::1", 0))
            return True
        except OSError:
            return False
