#!/usr/bin/env python3
"""The hub as a process: SIGHUP under load, and kill -9. Peers share nothing with it; traffic stays on loopback.

Usage: reload_test.py TUTTI [unittest's options]
"""
import json
import pathlib
import random
import signal
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "interop"))
from applemidi import Peer, run  # noqa: E402
from processes import Hub, free_pair  # noqa: E402

TUTTI = sys.argv[1]

NOTE_ON, NOTE_OFF, PEDAL_DOWN, PEDAL_UP = b"\x90\x3c\x64", b"\x80\x3c\x40", b"\xb0\x40\x7f", b"\xb0\x40\x00"


def number(i):
    """Three octets by which a message can be told from its neighbours: a pitch bend."""
    return bytes([0xE5, i & 0x7F, i >> 7 & 0x7F])


class ReloadTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = pathlib.Path(folder.name) / "tutti.json"
        self.state = pathlib.Path(folder.name) / "tutti.state.json"
        self.port = free_pair()
        self.peers = []

    def configure(self, **sections):
        sections.setdefault("sessions", [{"name": "Studio", "port": self.port, "bind": ["127.0.0.1"]}])
        # Nothing of the machine, or of another test, has a part in it.
        quiet = {"control": {"enabled": False}, "discovery": {"mode": "off"},
                 "local": {"alsa": {"enabled": False}, "jack": {"enabled": False}}}
        self.file.write_text(json.dumps({**quiet, **sections}))

    def start(self):
        self.hub = Hub.__new__(Hub)
        super(Hub, self.hub).__init__("hub", [TUTTI, "serve", "--config", self.file, "--log-level", "warning"])
        self.addCleanup(self.hub.end)
        self.hub.wait_for(r'session "Studio" listening .*', 10)

    def reload(self):
        self.hub.child.send_signal(signal.SIGHUP)

    def join(self, name, port=None):
        peer = Peer(name)
        self.addCleanup(peer.close)
        self.peers.append(peer)
        peer.invite("127.0.0.1", port or self.port)
        self.until(lambda: peer.partners, 5, f"{name} joins")
        return peer

    def until(self, condition, seconds=3, what=""):
        run(self.peers, condition, seconds, what)

    def hears(self, peer, *messages):
        try:
            self.until(lambda: len(peer.received) >= len(messages), 3)
        except TimeoutError:
            pass
        self.assertEqual(peer.messages(), list(messages))
        peer.received.clear()

    def pause(self, seconds):
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > end, seconds + 1)

    def test_reloads_under_load_touch_only_what_changed(self):
        other = free_pair()
        sessions = [{"name": "Studio", "port": self.port, "bind": ["127.0.0.1"]},
                    {"name": "Stage", "port": other, "bind": ["127.0.0.1"]}]
        rules = [{"from": "name:Anna", "to": "name:Bert"}, {"from": "name:Anna", "to": "name:Clara"}]
        self.configure(sessions=sessions, rules=rules)
        self.start()
        anna, bert, clara = self.join("Anna"), self.join("Bert"), self.join("Clara", other)
        chance, sent = random.Random(1), 0
        for step in range(60):
            for _ in range(10):
                anna.play(number(sent))
                sent += 1
                self.pause(0.001)
            # Everything but the route from Anna to Bert changes, once in a while into nonsense.
            rules[1] = {"from": "name:Anna", "to": "name:Clara", "transforms": [{"transpose": step % 12}]}
            sessions[1]["max_peers"] = 10 + step
            sections = {"sessions": sessions, "rules": rules, "scenes": [{"name": f"scene {step}"}],
                        "limits": {"routes": 1000 + step}}
            if chance.random() < 0.2:
                sections["nonsense"] = 1
            if step == 30:
                sections["sessions"] = sessions[:1]
            self.configure(**sections)
            self.reload()
        self.until(lambda: len(bert.received) >= sent, 10, "all that Anna played")
        self.assertEqual(bert.messages(), [number(i) for i in range(sent)])
        self.assertFalse(anna.departed or bert.departed)
        self.assertEqual([p.lost for p in bert.partners.values()], [0])
        self.until(lambda: clara.departed, 3, "goodbye from the session that went")
        self.assertIsNone(self.hub.child.poll())

    def test_what_a_changed_route_left_sounding_is_released(self):
        self.configure(rules=[{"from": "*", "to": "*"}])
        self.start()
        anna, bert, clara = self.join("Anna"), self.join("Bert"), self.join("Clara")
        anna.play(NOTE_ON, PEDAL_DOWN)
        self.hears(bert, NOTE_ON, PEDAL_DOWN)
        self.hears(clara, NOTE_ON, PEDAL_DOWN)
        self.configure(rules=[{"from": "*", "to": "name:Clara"}])
        self.reload()
        self.hears(bert, NOTE_OFF, PEDAL_UP)
        anna.play(NOTE_OFF, PEDAL_UP)
        self.hears(clara, NOTE_OFF, PEDAL_UP)
        self.hears(bert)

    def test_an_invalid_file_changes_nothing(self):
        self.configure(rules=[{"from": "*", "to": "*"}])
        self.start()
        anna, bert = self.join("Anna"), self.join("Bert")
        for text in ('{"rules": [], "x": 1}', '{"rules": [', "", '{"rules": [{"from": "*"}]}'):
            self.file.write_text(text)
            self.reload()
            self.pause(0.1)
            anna.play(NOTE_ON, NOTE_OFF)
            self.hears(bert, NOTE_ON, NOTE_OFF)
        self.file.unlink()
        self.reload()
        self.pause(0.1)
        anna.play(NOTE_ON, NOTE_OFF)
        self.hears(bert, NOTE_ON, NOTE_OFF)

    def test_peers_that_are_to_be_invited_come_and_go(self):
        self.configure()
        self.start()
        anna = Peer("Anna")
        self.peers.append(anna)
        self.addCleanup(anna.close)
        here = f"127.0.0.1:{anna.control.getsockname()[1]}"
        bert = self.join("Bert")
        for _ in range(2):
            self.configure(connect=[here])
            self.reload()
            self.until(lambda: anna.synchronised(), 5, "an invitation")
            bert.play(NOTE_ON, NOTE_OFF)
            self.hears(anna, NOTE_ON, NOTE_OFF)
            self.configure()
            self.reload()
            self.until(lambda: anna.departed, 3, "goodbye")
            anna.departed.clear()
        self.assertFalse(bert.departed)

    def test_a_session_moves_to_other_ports(self):
        self.configure()
        self.start()
        anna = self.join("Anna")
        self.port = free_pair()
        self.configure()
        self.reload()
        self.until(lambda: anna.departed, 3, "goodbye")
        anna, bert = self.join("Anna"), self.join("Bert")
        anna.play(NOTE_ON, NOTE_OFF)
        self.hears(bert, NOTE_ON, NOTE_OFF)

    def test_the_scene_survives_kill_9(self):
        scenes = [{"name": f"scene {i}", "triggers": [{"from": "name:Anna", "program": i}],
                   "rules": [{"from": "name:Anna", "to": "name:Bert", "transforms": [{"channel": i + 2}]}]}
                  for i in range(3)]
        self.configure(rules=[], scenes=scenes, scene="scene 0")
        chance = random.Random(2)
        former = 0
        for _ in range(5):
            self.peers.clear()
            self.start()
            anna, bert = self.join("Anna"), self.join("Bert")
            anna.play(NOTE_ON, NOTE_OFF)
            self.hears(bert, bytes([0x91 + former]) + NOTE_ON[1:], bytes([0x81 + former]) + NOTE_OFF[1:])
            # Scenes change faster than they can be kept; the last one counts.
            for _ in range(20):
                former = chance.randrange(3)
                anna.play(bytes([0xC0, former]))
                self.pause(0.002)
            anna.play(NOTE_ON)
            self.until(lambda: bytes([0x91 + former]) + NOTE_ON[1:] in bert.messages(), 3, "a note in the new scene")
            self.pause(0.3)
            self.hub.child.kill()
            self.hub.child.wait()
            self.assertNotIn("damaged", " ".join(p.name for p in self.file.parent.iterdir()))

    def test_kill_9_at_any_instant_leaves_a_state_that_is_whole(self):
        scenes = [{"name": f"scene {i}", "triggers": [{"from": "name:Anna", "program": i}]} for i in range(100)]
        self.configure(rules=[], scenes=scenes)
        chance = random.Random(3)
        for _ in range(8):
            self.peers.clear()
            self.start()
            anna = self.join("Anna")
            end = time.monotonic() + chance.uniform(0.01, 0.1)
            while time.monotonic() < end:
                anna.play(bytes([0xC0, chance.randrange(100)]))
                self.pause(0.0005)
            self.hub.child.kill()
            self.hub.child.wait()
            content = json.loads(self.state.read_text())["content"]
            self.assertIn("scene", content["sections"])
        self.assertEqual([p.name for p in self.file.parent.iterdir() if "damaged" in p.name], [])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
