"""The client commands as a user types them: output, exit codes, sentences."""
import json
import os
import re
import subprocess
import threading
import unittest

import api
from api import Band, Hub, wait


class Commands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.hub, cls.band = Hub(session="Stage"), Band()
        cls.anna, cls.ben = (cls.band.join(name, cls.hub.port) for name in ("Anna", "Ben"))
        wait(lambda: cls.hub.get("/api/v1/status")["ports_up"] == 2, what="two ports")

    @classmethod
    def tearDownClass(cls):
        cls.hub.end()
        cls.band.end()

    def run_tutti(self, *words, code=0, stdin=None, **variables):
        environment = {"PATH": os.environ["PATH"], "TUTTI_URL": self.hub.url, **variables}
        done = subprocess.run([api.PROGRAM, *words], input=stdin, capture_output=True, text=True, timeout=20,
                              env=environment)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stderr if code else done.stdout

    def test_ports_and_routes_are_tables(self):
        self.assertEqual(self.run_tutti("ports").splitlines()[0].split(), ["PORT", "STATE", "DIRECTION", "IN", "OUT",
                                                                          "DROPPED"])
        self.assertRegex(self.run_tutti("ports"), r"(?m)^rtp/Stage/Anna +up +both +\d+ +\d+ +0$")
        self.assertIn("rtp/Stage/Anna  rtp/Stage/Ben   everyone to everyone else", self.run_tutti("routes"))
        self.assertNotIn("\x1b", self.run_tutti("ports"))  # no terminal, no colour

    def test_json_is_everywhere(self):
        for words in (["status"], ["ports"], ["peers"], ["sessions"], ["routes"], ["rules"], ["scenes"],
                      ["invitations"], ["discover"], ["config"], ["log-level"], ["panic"]):
            json.loads(self.run_tutti(*words, "--json"))
        self.assertEqual(json.loads(self.run_tutti("status", "--json"))["ports_up"], 2)

    def test_messages_are_sent_and_monitored(self):
        before, lines = len(self.ben.received), []
        monitor = subprocess.Popen([api.PROGRAM, "monitor", "rtp/Stage/Ben", "-n", "2", "--url", self.hub.url],
                                   stdout=subprocess.PIPE, text=True)
        reader = threading.Thread(target=lambda: lines.extend(monitor.stdout))
        reader.start()
        wait(lambda: self.hub.get("/api/v1/status")["event_streams"] == 1, what="the monitor")
        self.run_tutti("send", "rtp/Stage/Ben", "90 3C 64", '{"type":"note_off","channel":1,"note":60,"velocity":0}')
        wait(lambda: len(self.ben.received) >= before + 2, what="two messages")
        self.assertEqual(monitor.wait(10), 0)
        reader.join()
        monitor.stdout.close()
        self.assertEqual(len(lines), 2)
        self.assertTrue(re.search(r"rtp/Stage/Ben.*note on.*C4", lines[0], re.I), lines)

    def test_ports_are_connected_and_disconnected(self):
        pair = ("rtp/Stage/Anna", "rtp/Stage/Ben")
        routed = lambda: [one for one in self.hub.items("/api/v1/routes") if one["from"] == pair[0]]  # noqa: E731
        self.assertEqual(self.run_tutti("connect", *pair), "connected already\n")
        self.assertEqual(self.run_tutti("disconnect", *pair), "disconnected\n")
        wait(lambda: not routed(), what="the route going")
        self.assertIn("nothing goes from", self.run_tutti("disconnect", *pair, code=5))
        self.assertEqual(self.run_tutti("connect", *pair), "connected again\n")
        wait(routed, what="the route coming back")

    def test_rules_are_listed_added_and_removed(self):
        rule = {"name": "Anna low", "from": "name:Anna", "to": "*", "transforms": [{"transpose": -12}]}
        self.assertEqual(json.loads(self.run_tutti("rules", "add", "-", stdin=json.dumps(rule))), rule)
        self.assertIn("Anna low", self.run_tutti("rules"))
        self.run_tutti("rules", "disable", "Anna low")
        self.assertEqual(json.loads(self.run_tutti("rules", "show", "Anna low"))["enabled"], False)
        self.run_tutti("rules", "move", "Anna low", "0")
        self.assertEqual(json.loads(self.run_tutti("rules", "--json"))[0]["id"], "Anna low")
        self.run_tutti("rules", "remove", "Anna low")
        self.run_tutti("rules", "show", "Anna low", code=5)
        self.assertIn("/from", self.run_tutti("rules", "add", "-", code=1, stdin='{"from": 1, "to": "*"}'))

    def test_exit_codes_tell_what_is_wrong(self):
        self.assertIn("no peer is called", self.run_tutti("dismiss", "Nobody", code=5))
        self.assertIn("No port with this id", self.run_tutti("send", "none", "F8", code=5))
        self.run_tutti("send", "rtp/Stage/Ben", "90 3C", code=1)
        self.run_tutti("nonsense", code=2)
        self.run_tutti("send", code=2)
        self.run_tutti("log-level", "loud", code=1)
        sentence = self.run_tutti("status", code=3, TUTTI_URL="http://127.0.0.1:1")
        self.assertEqual(sentence.count("\n"), 1)
        self.run_tutti("scenes", "none", code=5)

    def test_a_missing_token_is_told(self):
        os.environ["TUTTI_TEST_SECRET"] = "eight or more"
        hub = Hub({"sessions": [{"port": 0}], "control": {
            "tokens": [{"name": "me", "role": "read", "environment": "TUTTI_TEST_SECRET"}]}})
        self.addCleanup(hub.end)
        self.run_tutti("status", code=4, TUTTI_URL=hub.url)
        self.run_tutti("status", TUTTI_URL=hub.url, TUTTI_TOKEN="eight or more")
        self.run_tutti("panic", code=4, TUTTI_URL=hub.url, TUTTI_TOKEN="eight or more")

    def test_shells_are_helped(self):
        bash = self.run_tutti("completion", "bash")
        self.assertEqual(subprocess.run(["bash", "-n"], input=bash, text=True).returncode, 0)
        self.assertIn("monitor", bash)
        self.assertIn("#compdef tutti", self.run_tutti("completion", "zsh"))

    def test_top_prints_tables(self):
        self.assertIn("PEER", self.run_tutti("top", "-n", "1"))


if __name__ == "__main__":
    api.main(__name__)
