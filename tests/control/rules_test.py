"""Rules, scenes and the configuration: edited by one, edited by many at once, kept over restarts."""
import concurrent.futures
import json
import pathlib
import unittest

import api
from api import Band, Hub, quote, wait

RULES = "/api/v1/rules"
SCENES = "/api/v1/scenes"
CONFIG = "/api/v1/config"
MERGE = {"Content-Type": "application/merge-patch+json"}


class Edits(unittest.TestCase):
    configuration = {"sessions": [{"name": "Stage", "port": 0}],
                     "rules": [{"name": "all", "from": "*", "to": "*"}, {"from": "kind:jack", "to": "kind:rtp"}],
                     "scenes": [{"name": "quiet"}, {"name": "loud", "rules": [{"from": "*", "to": "*"}]}]}

    def setUp(self):
        self.hub = Hub(self.configuration)
        self.addCleanup(self.hub.end)

    def ids(self, path=RULES):
        return [one["id"] for one in self.hub.items(path)]

    def tag(self, path):
        answer = self.hub.ask("GET", path)
        self.assertEqual(answer.status, 200)
        return answer.headers["ETag"]

    def refused(self, status, *request, **more):
        answer = self.hub.ask(*request, **more)
        self.assertEqual(answer.status, status, answer.body)
        return answer.json

    def test_rules_are_created_read_changed_moved_and_removed(self):
        self.assertEqual(self.ids(), ["all", "#2"])
        made = self.hub.ask("POST", RULES, {"name": "Keys → Pad/1", "from": "a", "to": "b"})
        self.assertEqual((made.status, made.headers["Location"]), (201, RULES + "/" + quote("Keys → Pad/1")))
        self.assertEqual(self.hub.ask("GET", made.headers["Location"]).headers["ETag"], made.headers["ETag"])
        self.assertEqual(self.hub.get(made.headers["Location"]), {"name": "Keys → Pad/1", "from": "a", "to": "b"})
        first = self.hub.ask("POST", RULES + "?before=all", {"from": "x", "to": "y", "enabled": False})
        self.assertEqual((first.headers["Location"], self.ids()), (RULES + "/%231", ["#1", "all", "#3", "Keys → Pad/1"]))
        changed = self.hub.ask("PATCH", RULES + "/%231", {"name": "off", "enabled": None}, headers=MERGE)
        self.assertEqual((changed.status, changed.json), (200, {"name": "off", "from": "x", "to": "y"}))
        self.assertEqual(changed.headers["Location"], RULES + "/off")
        self.assertEqual(self.hub.ask("PUT", RULES + "/off", {"from": "x", "to": "z"}).json, {"from": "x", "to": "z"})
        moved = self.hub.ask("POST", RULES + "/all/move", {"position": 99})
        self.assertEqual((moved.json, self.ids()), ({"id": "all", "position": 3}, ["#1", "#2", "Keys → Pad/1", "all"]))
        self.assertEqual(self.hub.ask("DELETE", RULES + "/all").status, 204)
        self.assertEqual(self.ids(), ["#1", "#2", "Keys → Pad/1"])
        self.assertEqual(self.hub.ask("PUT", RULES, {"rules": [{"name": "one", "from": "*", "to": "*"}]}).json,
                         {"total": 1})
        self.assertEqual(self.ids(), ["one"])

    def test_what_is_wrong_is_told_where_it_stands_in_the_body(self):
        before = self.hub.items(RULES)
        problem = self.refused(422, "POST", RULES, {"from": "*", "to": 7, "priority": "high", "nam": "x"})
        self.assertEqual({one["pointer"] for one in problem["errors"]}, {"/to", "/priority", "/nam"})
        problem = self.refused(422, "POST", RULES, {"from": "*", "to": "/(/"})
        self.assertEqual({one["pointer"] for one in problem["errors"]}, {"/to"})
        problem = self.refused(422, "PATCH", RULES + "/%232", {"filter": {"notes": "1-300"}}, headers=MERGE)
        self.assertEqual({one["pointer"] for one in problem["errors"]}, {"/filter/notes"})
        self.refused(422, "POST", RULES, {"name": "all", "from": "*", "to": "*"})
        self.refused(422, "PUT", RULES, {"rules": {}})
        self.refused(422, "PUT", RULES, {})
        self.refused(422, "POST", RULES, [])
        self.refused(400, "POST", RULES + "?before=none", {"from": "*", "to": "*"})
        self.refused(415, "POST", RULES, "{}", headers={"Content-Type": "text/plain"})
        self.refused(422, "POST", RULES + "/all/move", {"position": -1})
        self.refused(404, "POST", RULES + "/none/move", {"position": 0})
        for method in ("GET", "PUT", "PATCH", "DELETE"):
            self.refused(404, method, RULES + "/none", {} if method in ("PUT", "PATCH") else None)
        self.assertEqual(self.hub.items(RULES), before)

    def test_an_editor_who_comes_too_late_changes_nothing(self):
        tag, list_tag, config_tag = self.tag(RULES + "/all"), self.tag(RULES), self.tag(CONFIG)
        self.assertEqual(self.hub.ask("GET", RULES + "/all", headers={"If-None-Match": tag}).status, 304)
        self.hub.ask("PATCH", RULES + "/all", {"priority": 1}, headers=MERGE)
        self.assertEqual(self.hub.ask("GET", RULES + "/all", headers={"If-None-Match": tag}).status, 200)
        old, listed, whole = {"If-Match": tag}, {"If-Match": list_tag}, {"If-Match": config_tag}
        self.refused(412, "PUT", RULES + "/all", {"from": "*", "to": "*"}, headers=old)
        self.refused(412, "PATCH", RULES + "/all", {}, headers={**MERGE, **old})
        self.refused(412, "DELETE", RULES + "/all", headers=old)
        self.refused(412, "POST", RULES, {"from": "*", "to": "*"}, headers=listed)
        self.refused(412, "PUT", RULES, {"rules": []}, headers=listed)
        self.refused(412, "POST", RULES + "/all/move", {"position": 1}, headers=listed)
        self.refused(412, "PUT", CONFIG, {}, headers=whole)
        self.refused(412, "PATCH", CONFIG, {}, headers={**MERGE, **whole})
        self.assertEqual(self.hub.ask("DELETE", RULES + "/all", headers={"If-Match": self.tag(RULES + "/all")}).status,
                         204)
        self.assertEqual(self.hub.ask("DELETE", RULES + "/%231", headers={"If-Match": '"x", *'}).status, 204)

    def test_fifty_editors_lose_no_change(self):
        """Each adds 1 to the same number, by If-Match and again when it came too late."""
        def edit(_):
            connection, late = self.hub.connect(30), 0
            while True:
                now = self.hub.ask("GET", RULES + "/all", connection=connection)
                answer = self.hub.ask("PATCH", RULES + "/all", {"priority": now.json.get("priority", 0) + 1},
                                      {**MERGE, "If-Match": now.headers["ETag"]}, connection)
                if answer.status == 200:
                    connection.close()
                    return late
                self.assertEqual(answer.status, 412)
                late += 1

        with concurrent.futures.ThreadPoolExecutor(50) as editors:
            late = sum(editors.map(edit, range(50)))
        self.assertEqual(self.hub.get(RULES + "/all")["priority"], 50)
        self.assertGreater(late, 0, "nobody met anybody")

    def test_fifty_editors_of_different_rules_all_succeed(self):
        def add(number):
            return self.hub.ask("POST", RULES, {"name": f"rule {number}", "from": "a", "to": "b"}).status

        with concurrent.futures.ThreadPoolExecutor(50) as editors:
            self.assertEqual(set(editors.map(add, range(50))), {201})
        self.assertEqual(set(self.ids()), {"all", "#2"} | {f"rule {number}" for number in range(50)})

    def test_whoever_adds_a_rule_is_answered_with_that_rule_while_others_come_and_go(self):
        def come_and_go(number):
            connection = self.hub.connect(30)
            for round_ in range(10):
                wish = {"name": f"rule {number}/{round_}", "from": "a", "to": "b"}
                made = self.hub.ask("POST", RULES, wish, connection=connection)
                self.assertEqual((made.status, made.json), (201, wish))
                self.assertEqual(made.headers["Location"], RULES + "/" + quote(wish["name"]))
                wrong = self.hub.ask("POST", RULES, {"from": "a", "to": 7}, connection=connection)
                self.assertEqual([one["pointer"] for one in wrong.json["errors"]], ["/to"])
                self.assertEqual(self.hub.ask("DELETE", made.headers["Location"], connection=connection).status, 204)
            connection.close()

        with concurrent.futures.ThreadPoolExecutor(8) as editors:
            list(editors.map(come_and_go, range(8)))
        self.assertEqual(self.ids(), ["all", "#2"])

    def test_scenes_are_edited_and_activated(self):
        self.assertEqual(self.ids(SCENES), ["quiet", "loud"])
        self.assertEqual(self.hub.get("/api/v1/scene"), {"name": ""})
        self.assertEqual(self.hub.ask("POST", SCENES + "/loud/activate").json, {"name": "loud"})
        self.assertEqual(self.hub.get("/api/v1/scene"), {"name": "loud"})
        self.assertEqual(self.hub.ask("PUT", "/api/v1/scene", {"name": ""}).json, {"name": ""})
        self.refused(404, "PUT", "/api/v1/scene", {"name": "none"})
        self.refused(404, "POST", SCENES + "/none/activate")
        self.refused(422, "PUT", "/api/v1/scene", {})
        made = self.hub.ask("PUT", SCENES + "/verse", {"rules": []})
        self.assertEqual((made.status, made.json), (201, {"name": "verse", "rules": []}))
        self.assertEqual(self.hub.ask("PUT", SCENES + "/verse", {"name": "verse"}).status, 200)
        self.refused(422, "PUT", SCENES + "/verse", {"name": "other"})
        self.assertEqual(self.hub.ask("POST", SCENES, {"name": "end"}).headers["Location"], SCENES + "/end")
        self.assertEqual(self.hub.ask("PATCH", SCENES + "/end", {"rules": [{"from": "*", "to": "*"}]},
                                      headers=MERGE).status, 200)
        self.assertEqual(self.hub.ask("DELETE", SCENES + "/verse").status, 204)
        self.assertEqual(self.hub.get(SCENES + "/end")["rules"], [{"from": "*", "to": "*"}])
        self.assertEqual(self.ids(SCENES), ["quiet", "loud", "end"])

    def test_the_configuration_is_read_replaced_and_reloaded(self):
        whole = self.hub.get(CONFIG)
        self.assertEqual(whole["rules"], self.configuration["rules"])
        whole["rules"][0]["priority"] = 7
        answer = self.hub.ask("PUT", CONFIG, whole, {"If-Match": self.tag(CONFIG)})
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.headers["ETag"], '"' + answer.json["revision"] + '"')
        self.assertIn("rules", answer.json["changed_sections"])
        self.assertEqual(self.hub.get(RULES + "/all")["priority"], 7)
        self.refused(422, "PUT", CONFIG, {"sessions": 1})
        self.refused(400, "PUT", CONFIG)
        self.assertEqual(self.hub.ask("PATCH", CONFIG, {"log": {"level": "debug"}}, MERGE).status, 200)
        wait(lambda: self.hub.get("/api/v1/log-level")["level"] == "debug", what="the log level")
        self.file({"name": "mine", "from": "a", "to": "b"})
        answer = self.hub.ask("POST", CONFIG + "/reload")
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(self.ids(), ["mine"])
        self.hub.file.write_text("{")
        self.refused(422, "POST", CONFIG + "/reload")
        self.assertEqual(self.ids(), ["mine"])

    def file(self, *rules):
        self.hub.file.write_text(json.dumps({**self.configuration, "rules": rules}))


class Effects(unittest.TestCase):
    def setUp(self):
        self.hub, self.band = Hub(), Band()
        self.addCleanup(self.band.end)
        self.addCleanup(self.hub.end)
        self.anna, self.ben = (self.band.join(name, self.hub.port) for name in ("Anna", "Ben"))
        wait(lambda: self.hub.get("/api/v1/status")["ports_up"] == 2, what="two ports")

    def routes(self):
        return {(one["from"].split("/")[-1], one["to"].split("/")[-1]) for one in self.hub.items("/api/v1/routes")}

    def test_routes_follow_the_rules_and_are_found_by_their_ends(self):
        self.assertEqual(self.routes(), {("Anna", "Ben"), ("Ben", "Anna")})
        one = self.hub.items("/api/v1/routes?from=" + quote("rtp/Stage/Anna"))
        self.assertEqual([(route["to"], route["rule"], route["plain"]) for route in one],
                         [("rtp/Stage/Ben", "everyone to everyone else", True)])
        self.assertEqual(self.hub.items("/api/v1/routes?to=none"), [])
        first = self.hub.get("/api/v1/routes?limit=1")
        second = self.hub.get("/api/v1/routes" + first["next"])
        self.assertNotIn("next", second)
        self.assertNotEqual(first["items"], second["items"])
        for wrong in ("limit=0", "after=x", "after=1-2", "after=1-2-3-4"):
            self.assertEqual(self.hub.ask("GET", "/api/v1/routes?" + wrong).status, 400)
        self.hub.ask("POST", RULES, {"name": "no", "from": "name:Ben", "to": "*", "block": True, "priority": 1})
        wait(lambda: self.routes() == {("Anna", "Ben")}, what="Ben not being heard")

    def test_no_event_is_lost_while_rules_change(self):
        """The rules that carry the notes stay; 40 others come and go under them."""
        before = len(self.ben.received)
        for number in range(40):
            self.anna.play(bytes([0x90, 1 + number, 100]))
            self.assertEqual(self.hub.ask("POST", RULES, {"name": f"x{number}", "from": "name:x", "to": "*"}).status,
                             201)
            self.anna.play(bytes([0x80, 1 + number, 0]))
            self.assertEqual(self.hub.ask("DELETE", RULES + f"/x{number}").status, 204)
        wait(lambda: len(self.ben.received) >= before + 80, what="every note")
        self.assertEqual(self.ben.messages()[before:],
                         [octets for number in range(40)
                          for octets in (bytes([0x90, 1 + number, 100]), bytes([0x80, 1 + number, 0]))])


class Kept(unittest.TestCase):
    def test_changes_and_decisions_survive_a_restart(self):
        first = Hub({"sessions": [{"name": "Stage", "port": 0, "invitations": {"policy": "ask"}}]})
        self.addCleanup(first.end)
        band = Band()
        self.addCleanup(band.end)
        first.ask("POST", RULES, {"name": "kept", "from": "a", "to": "b"})
        zoe = band.add("Zoe")
        zoe.invite("127.0.0.1", first.port)
        one = wait(lambda: first.items("/api/v1/invitations"), what="Zoe waiting")[0]
        first.ask("POST", f"/api/v1/invitations/{one['id']}/approve", {"remember": "always"})
        wait(zoe.synchronised, what="Zoe joining")
        state = pathlib.Path(first.folder.name) / "tutti.state.json"
        wait(lambda: state.exists() and "Zoe" in state.read_text(), what="the note on disk")
        first.child.kill()
        first.child.wait()
        second = Hub(None, "--config", first.file)
        self.addCleanup(second.end)
        self.assertIn("kept", [rule["id"] for rule in second.items(RULES)])
        again = band.add("Zoe")
        again.invite("127.0.0.1", second.port)
        wait(again.synchronised, what="Zoe joining without being asked about")


if __name__ == "__main__":
    api.main(__name__)
