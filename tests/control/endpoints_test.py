"""Every endpoint by example, through Python's HTTP client and through curl."""
import json
import subprocess
import unittest

import api
from api import Band, Hub, quote, wait


class Endpoints(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.hub, cls.band = Hub(session="Bühne 1/2"), Band()
        cls.anna = cls.band.join("Anna's iPad", cls.hub.port)
        cls.ben = cls.band.join("Ben", cls.hub.port)
        wait(lambda: cls.hub.get("/api/v1/status")["ports_up"] == 2, what="two ports")
        cls.port = "rtp/Bühne 1_2/Anna's iPad"

    @classmethod
    def tearDownClass(cls):
        cls.hub.end()
        cls.band.end()

    def refused(self, status, method, path, body=None, **more):
        answer = self.hub.ask(method, path, body, **more)
        self.assertEqual(answer.status, status, answer.body)
        return answer.json

    def test_the_hub_says_that_it_lives_and_works(self):
        self.assertEqual(self.hub.get("/healthz"), {"status": "ok"})
        self.assertEqual(self.hub.get("/readyz"), {"status": "ready"})
        self.assertIn("/api/v1/ports/{id}", self.hub.get("/api/v1")["paths"])

    def test_the_descriptions_are_served_as_they_are_kept(self):
        for path, file in (("/api/v1/openapi.json", "openapi.json"), ("/api/v1/config/schema", "schema.json")):
            self.assertEqual(self.hub.ask("GET", path).body, (api.ROOT / "config" / file).read_bytes())

    def test_discovery_tells_what_it_does(self):
        self.assertEqual(self.hub.get("/api/v1/discovery")["mode"], "off")

    def test_status_counts_what_there_is(self):
        status = self.hub.get("/api/v1/status")
        self.assertEqual((status["sessions"], status["peers_connected"], status["ports_up"]), (1, 2, 2))

    def test_ports_are_found_by_percent_encoded_ids(self):
        self.assertEqual({one["id"] for one in self.hub.items("/api/v1/ports") if one["up"]},
                         {self.port, "rtp/Bühne 1_2/Ben"})
        one = self.hub.get("/api/v1/ports/" + quote(self.port))
        self.assertTrue(one["up"] and one["source"] and one["destination"])
        self.refused(404, "GET", "/api/v1/ports/nothing")
        self.refused(404, "GET", "/api/v1/ports/" + self.port.replace(" ", "%20").replace("ü", "%C3%BC"))

    def test_sessions_are_found_by_name(self):
        session = self.hub.get("/api/v1/sessions/" + quote("Bühne 1/2"))
        self.assertEqual((session["peers"], session["policy"]), (2, "open"))
        self.assertTrue(session["control"].endswith(f":{self.hub.port}"))
        self.assertEqual(len(self.hub.items("/api/v1/sessions")), 1)
        self.refused(404, "GET", "/api/v1/sessions/None")
        self.refused(404, "GET", "/api/v1/sessions/None/decisions")
        self.assertEqual(self.hub.items("/api/v1/sessions/" + quote("Bühne 1/2") + "/decisions"), [])
        self.refused(404, "DELETE", "/api/v1/sessions/" + quote("Bühne 1/2") + "/decisions/10.0.0.1/Zoe")

    def test_peers_tell_how_they_are(self):
        peers = {one["name"]: one for one in self.hub.items("/api/v1/peers")}
        anna = peers["Anna's iPad"]
        self.assertEqual((anna["port"], anna["state"], anna["invited_by_us"]), (self.port, "connected", False))
        self.assertEqual(anna["ssrc"], self.anna.ssrc)
        self.assertEqual(self.hub.get("/api/v1/peers/" + anna["id"])["address"], anna["address"])
        self.refused(404, "GET", "/api/v1/peers/0")

    def test_lists_come_in_pages(self):
        first = self.hub.get("/api/v1/ports?limit=1")
        self.assertEqual(len(first["items"]), 1)
        page, seen = first, [first["items"][0]["id"]]
        while "next" in page:
            page = self.hub.get("/api/v1/ports" + page["next"])
            seen += [one["id"] for one in page["items"]]
        self.assertEqual(seen, [one["id"] for one in self.hub.items("/api/v1/ports")])
        self.assertEqual(len(seen), first["total"])
        for wrong in ("limit=0", "limit=1001", "limit=x", "limit=", "after=nothing"):
            self.refused(400, "GET", "/api/v1/ports?" + wrong)

    def test_messages_are_played_to_a_port(self):
        before = len(self.anna.received)
        path = "/api/v1/ports/" + quote(self.port) + "/send"
        sent = self.hub.ask("POST", path, {"messages": [
            {"type": "note_on", "channel": 2, "note": 60, "velocity": 100}, "82 3C 00 F8",
            {"type": "pitch_bend", "channel": 1, "value": -8192}, {"type": "sysex", "data": "7E 7F 06 01"}]})
        self.assertEqual(sent.json, {"events": 5})
        wait(lambda: len(self.anna.received) >= before + 5, what="five messages")
        self.assertEqual(self.anna.messages()[before:], [
            b"\x91\x3c\x64", b"\x82\x3c\x00", b"\xf8", b"\xe0\x00\x00", b"\xf0\x7e\x7f\x06\x01\xf7"])

    def test_messages_are_played_as_if_a_port_had(self):
        before = len(self.ben.received)
        path = "/api/v1/ports/" + quote(self.port) + "/send"
        self.hub.ask("POST", path, {"messages": ["90 40 01", "80 40 00"], "as": "source"})
        wait(lambda: len(self.ben.received) >= before + 2, what="what Anna is said to play")
        self.assertEqual(self.ben.messages()[before:], [b"\x90\x40\x01", b"\x80\x40\x00"])

    def test_what_cannot_be_played_is_told_with_every_mistake(self):
        path = "/api/v1/ports/" + quote(self.port) + "/send"
        problem = self.refused(422, "POST", path, {
            "messages": [{"type": "note_on", "channel": 17, "note": 128, "velocity": 1}, "90 3C"], "as": "x", "y": 1})
        self.assertEqual({one["pointer"] for one in problem["errors"]}, {"/y"})
        problem = self.refused(422, "POST", path, {
            "messages": [{"type": "note_on", "channel": 17, "note": 128, "velocity": 1}, "90 3C"], "as": "x"})
        self.assertEqual({one["pointer"] for one in problem["errors"]},
                         {"/as", "/messages/0/channel", "/messages/0/note", "/messages/1"})
        self.refused(404, "POST", "/api/v1/ports/none/send", {"messages": ["F8"]})
        self.refused(422, "POST", path, {})
        self.refused(422, "POST", path, [])
        self.refused(400, "POST", path, "{")
        self.refused(400, "POST", path, '{"as":"source","as":"source"}')
        self.refused(415, "POST", path, "{}", headers={"Content-Type": "text/plain"})
        self.refused(413, "POST", path, json.dumps({"messages": ["F8" * 600_000]}))

    def test_panic_silences_everything_or_one_port(self):
        before = len(self.ben.received)
        self.anna.play(b"\x90\x3c\x64", b"\xb0\x40\x7f")
        wait(lambda: len(self.ben.received) >= before + 2, what="a note")
        before = len(self.ben.received)
        self.assertEqual(self.hub.ask("POST", "/api/v1/panic").json, {"ports": 2})
        wait(lambda: b"\xbf\x79\x00" in self.ben.messages()[before:], what="the last channel's reset")
        heard = self.ben.messages()[before:]
        self.assertIn(b"\x80\x3c\x40", heard)
        for channel in range(16):
            for controller in (64, 120, 121, 123):
                self.assertIn(bytes([0xB0 | channel, controller, 0]), heard)
        self.assertEqual(self.hub.ask("POST", "/api/v1/panic", {"port": self.port}).json, {"ports": 1})
        self.refused(404, "POST", "/api/v1/panic", {"port": "none"})
        self.refused(422, "POST", "/api/v1/panic", {"port": 7})

    def test_the_log_level_can_be_changed(self):
        self.assertEqual(self.hub.ask("PUT", "/api/v1/log-level", {"level": "debug"}).json, {"level": "debug"})
        self.assertEqual(self.hub.get("/api/v1/log-level"), {"level": "debug"})
        self.refused(422, "PUT", "/api/v1/log-level", {"level": "loud"})
        self.refused(422, "PUT", "/api/v1/log-level", {})
        self.hub.ask("PUT", "/api/v1/log-level", {"level": "info"})

    def test_a_configuration_is_checked_and_not_used(self):
        self.assertEqual(self.hub.ask("POST", "/api/v1/config/validate", {"sessions": []}).json, {"valid": True})
        problem = self.refused(422, "POST", "/api/v1/config/validate",
                               {"sessions": [{"max_peers": 0, "nam": 1}], "log": {"level": 3}})
        self.assertEqual({one["pointer"] for one in problem["errors"]},
                         {"/sessions/0/max_peers", "/sessions/0/nam", "/log/level"})
        self.assertEqual(len(self.hub.items("/api/v1/sessions")), 1)

    def test_a_peer_is_invited_and_dismissed(self):
        zoe = self.band.add("Zoe")
        port = zoe.control.getsockname()[1]
        self.assertEqual(self.hub.ask("POST", "/api/v1/peers", {"host": f"127.0.0.1:{port}"}).status, 202)
        peer = wait(lambda: next((one for one in self.hub.items("/api/v1/peers")
                                  if one["address"].endswith(f":{port}") and one["state"] == "connected"), None),
                    what="Zoe")
        self.assertTrue(peer["invited_by_us"])
        self.assertEqual(self.hub.ask("DELETE", "/api/v1/peers/" + peer["id"]).status, 204)
        wait(lambda: not zoe.partners, what="goodbye")
        wait(lambda: peer["id"] not in {one["id"] for one in self.hub.items("/api/v1/peers")}, what="her going")
        self.refused(404, "DELETE", "/api/v1/peers/" + peer["id"])
        for body in ({}, {"host": ""}, {"host": "a:b:c"}, {"host": "x", "port": 0}, {"host": "x", "port": 65535},
                     {"host": 1}, {"host": "x", "session": "none"}):
            self.refused(422, "POST", "/api/v1/peers", body)

    def test_head_and_options_are_answered_everywhere(self):
        for path in ("/api/v1/status", "/api/v1/ports", "/metrics", "/healthz", "/api/v1/events"):
            answer = self.hub.ask("HEAD", path)
            self.assertEqual((answer.status, answer.body), (200, b""))
            options = self.hub.ask("OPTIONS", path)
            self.assertEqual((options.status, options.headers["Allow"]), (204, "GET, HEAD, OPTIONS"))
        self.assertEqual(self.hub.ask("OPTIONS", "/api/v1/peers").headers["Allow"], "GET, HEAD, POST, OPTIONS")

    def test_wrong_methods_are_told_the_right_ones(self):
        for method in ("POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"):
            answer = self.hub.ask(method, "/api/v1/status")
            self.assertEqual((answer.status, answer.headers["Allow"]), (405, "GET, HEAD, OPTIONS"))

    def test_one_connection_serves_many_requests(self):
        connection = self.hub.connect()
        for _ in range(200):
            self.assertEqual(self.hub.ask("GET", "/api/v1/status", connection=connection).status, 200)
        self.assertEqual(self.hub.ask("GET", "/nothing", connection=connection).status, 404)
        self.assertEqual(self.hub.ask("GET", "/healthz", connection=connection).status, 200)
        connection.close()

    def test_curl_understands_it(self):
        def curl(*words):
            return subprocess.run(["curl", "-sS", "-i", *words], capture_output=True, text=True, check=True).stdout

        self.assertIn("HTTP/1.1 200 OK", curl(self.hub.url + "/api/v1/status"))
        self.assertIn("HTTP/1.1 200 OK", curl("-I", self.hub.url + "/api/v1/ports"))
        self.assertIn('{"ports":2}', curl("-X", "POST", self.hub.url + "/api/v1/panic"))
        self.assertIn('"valid":true', curl("--json", "{}", self.hub.url + "/api/v1/config/validate"))
        big = json.dumps({"$comment": "x" * 3_000_000})  # curl asks with Expect: 100-continue
        out = subprocess.run(["curl", "-sS", "-i", "--json", "@-", self.hub.url + "/api/v1/config/validate"],
                             input=big, capture_output=True, text=True, check=True).stdout
        self.assertIn("100 Continue", out)
        self.assertIn('"valid":true', out)

    def test_z_every_described_answer_of_this_test_was_seen(self):
        """Runs last: the description promises no path and method that was not asked here."""
        asked = {(path, method) for path, method, status in api.seen if status < 400}
        described = {(path, method.upper()) for path, operations in api.OPENAPI["paths"].items()
                     for method in operations if method != "parameters"}
        elsewhere = {("/api/v1/invitations/{id}/approve", "POST"), ("/api/v1/invitations/{id}/refuse", "POST"),
                     ("/api/v1/sessions/{name}/decisions/{host}/{peer}", "DELETE"), ("/api/v1/invitations", "GET")}
        elsewhere |= {one for one in described if one[0].startswith(("/api/v1/rules", "/api/v1/scene", "/api/v1/routes"))
                      or one[0] in ("/api/v1/config", "/api/v1/config/reload")}  # rules_test.py
        self.assertEqual(described - asked - elsewhere, set())


class Invitations(unittest.TestCase):
    def setUp(self):
        self.hub = Hub({"sessions": [{"port": 0, "invitations": {"policy": "ask", "names": ["Known*"]}}]})
        self.band = Band()

    def tearDown(self):
        self.hub.end()
        self.band.end()

    def waiting(self, name):
        peer = self.band.add(name)
        peer.invite("127.0.0.1", self.hub.port)
        return peer, wait(lambda: next((one for one in self.hub.items("/api/v1/invitations")
                                        if one["name"] == name), None), what=f"{name} waiting")

    def decide(self, one, verb, **body):
        answer = self.hub.ask("POST", f"/api/v1/invitations/{one['id']}/{verb}", body or None)
        self.assertEqual(answer.status, 204, answer.body)

    def test_who_is_listed_comes_in_at_once(self):
        self.band.join("Known friend", self.hub.port)
        self.assertEqual(self.hub.items("/api/v1/invitations"), [])

    def test_who_is_approved_comes_in(self):
        peer, one = self.waiting("Zoe")
        self.assertEqual(self.hub.items("/api/v1/peers"), [])
        self.decide(one, "approve")
        wait(peer.synchronised, what="Zoe joining")
        self.assertEqual(self.hub.items("/api/v1/invitations"), [])
        self.assertEqual(self.hub.ask("POST", f"/api/v1/invitations/{one['id']}/approve").status, 404)

    def test_who_is_refused_is_told_so(self):
        peer, one = self.waiting("Mallory")
        self.decide(one, "refuse", remember="restart")
        wait(lambda: peer.refused, what="NO")
        again = self.band.add("Mallory")
        again.invite("127.0.0.1", self.hub.port)
        wait(lambda: again.refused, what="NO again")
        path = "/api/v1/sessions/Stage/decisions"
        self.assertEqual(self.hub.items(path), [{"host": "127.0.0.1", "name": "Mallory", "admitted": False,
                                                 "remember": "restart"}])
        self.assertEqual(self.hub.ask("DELETE", path + "/127.0.0.1/Mallory").status, 204)
        self.waiting("Mallory")

    def test_an_approval_can_be_remembered(self):
        peer, one = self.waiting("Zoe")
        self.decide(one, "approve", remember="restart")
        wait(peer.synchronised, what="Zoe joining")
        peer.leave()
        wait(lambda: not self.hub.items("/api/v1/peers"), what="her going")
        peer.invite("127.0.0.1", self.hub.port)
        wait(peer.synchronised, what="Zoe joining again")

    def test_nonsense_decides_nothing(self):
        _, one = self.waiting("Zoe")
        for body in ({"remember": "ever"}, {"remember": 1}, {"x": 1}, []):
            self.assertEqual(self.hub.ask("POST", f"/api/v1/invitations/{one['id']}/approve", body).status, 422)
        self.assertEqual(len(self.hub.items("/api/v1/invitations")), 1)


class ClosedSessions(unittest.TestCase):
    def test_a_closed_session_and_a_list_say_no(self):
        band = Band()
        self.addCleanup(band.end)
        for invitations, name, admitted in (({"policy": "closed"}, "Zoe", False),
                                            ({"policy": "list", "names": ["Anna*"]}, "Zoe", False),
                                            ({"policy": "list", "names": ["Anna*"]}, "Anna 2", True),
                                            ({"policy": "list", "addresses": ["127.0.0.0/8"]}, "Zoe", True),
                                            ({"policy": "list", "addresses": ["10.0.0.0/8"]}, "Zoe", False)):
            hub = Hub({"sessions": [{"port": 0, "invitations": invitations}]})
            self.addCleanup(hub.end)
            peer = band.add(name)
            peer.invite("127.0.0.1", hub.port)
            wait(lambda: peer.refused or peer.synchronised(), what=f"an answer under {invitations}")
            self.assertEqual(bool(peer.partners), admitted)


if __name__ == "__main__":
    api.main(__name__)
