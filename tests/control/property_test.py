"""Whatever is sent: only 4xx or success, never 5xx, never an answer that is not described, and nothing changes."""
import json
import os
import unittest

from hypothesis import HealthCheck, given, seed, settings, strategies as st

import api
from api import Hub

ROUNDS = int(os.environ.get("TUTTI_ROUNDS", "150"))
PATHS = sorted(api.OPENAPI["paths"])
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
BODIES = [path for path in PATHS for method in api.OPENAPI["paths"][path] if "requestBody" in api.OPENAPI["paths"][path][method]]
EDITABLE = [path for path in PATHS if path.startswith(("/api/v1/rules", "/api/v1/scenes", "/api/v1/config"))]

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(
        st.sampled_from(["messages", "as", "port", "host", "session", "remember", "level", "type", "channel", "name",
                         "from", "to", "sessions", "rules"]) | st.text(max_size=5), inner, max_size=5), max_leaves=20)
segment = st.text(min_size=1, max_size=20).map(api.quote) | st.sampled_from(["%2F", "%00", "%ff", "..", "%2e%2e", "."])


def fill(path, parts):
    while "{" in path:
        begin, end = path.index("{"), path.index("}")
        path = path[:begin] + parts.pop() + path[end + 1:]
    return path


class Anything(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.hub = Hub()
        cls.connection = cls.hub.connect()
        cls.before = cls.facts()

    @classmethod
    def facts(cls):
        return [cls.hub.items("/api/v1/" + what) for what in ("ports", "peers", "invitations", "rules", "scenes")] + \
            [cls.hub.get("/api/v1/config")] + \
            [[one["name"] for one in cls.hub.items("/api/v1/sessions")], cls.hub.get("/api/v1/log-level")]

    @classmethod
    def tearDownClass(cls):
        cls.connection.close()
        cls.hub.end()

    def ask(self, method, path, body=None, **headers):
        if path.split("?")[0] == "/api/v1/events" and method == "GET":
            return None  # endless
        answer = self.hub.ask(method, path, body, headers)
        self.assertLess(answer.status, 500, (method, path, body))
        return answer

    @settings(max_examples=ROUNDS, deadline=None, suppress_health_check=list(HealthCheck))
    @seed(1)
    @given(st.sampled_from(METHODS), st.sampled_from(PATHS), st.lists(segment, min_size=3, max_size=3),
           st.dictionaries(st.sampled_from(["limit", "after", "topics", "tap", "x"]), segment, max_size=3))
    def test_any_method_path_and_query(self, method, path, parts, query):
        text = "&".join(f"{key}={value}" for key, value in query.items())
        self.ask(method, fill(path, parts) + ("?" + text if text else ""))

    @settings(max_examples=2 * ROUNDS, deadline=None, suppress_health_check=list(HealthCheck))
    @seed(2)
    @given(st.sampled_from(BODIES), st.sampled_from(["POST", "PUT", "PATCH"]), anything)
    def test_any_json(self, path, method, body):
        if isinstance(body, dict) and path == "/api/v1/peers" and isinstance(body.get("host"), str):
            return  # may be a host
        answer = self.ask(method, fill(path, ["x", "y", "z"]), json.dumps(body))
        if answer.status in (200, 201) and path in EDITABLE and method != "GET":
            self.hub.ask("PUT", "/api/v1/config", self.before[5])  # it happened to be valid
        if path == "/api/v1/log-level":
            self.assertIn(answer.status, (405, 422))

    @settings(max_examples=ROUNDS, deadline=None, suppress_health_check=list(HealthCheck))
    @seed(3)
    @given(st.sampled_from(BODIES), st.binary(max_size=200))
    def test_any_octets(self, path, body):
        self.ask("POST", fill(path, ["x", "y", "z"]), body, **{"Content-Type": "application/json"})

    @settings(max_examples=ROUNDS, deadline=None, suppress_health_check=list(HealthCheck))
    @seed(4)
    @given(st.binary(min_size=1, max_size=300))
    def test_any_octets_instead_of_http(self, data):
        answer = self.hub.raw(data + b"\r\n\r\n", timeout=0.05)
        self.assertTrue(answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer[:100])

    def test_deep_and_huge_bodies(self):
        for body in ("[" * 100_000, "{\"a\":" * 50_000, "[" * 33 + "]" * 33, '"' + "x" * 900_000 + '"',
                     "[" + "0," * 400_000 + "0]", "1e999999", "-" * 1000, '{"messages":' + "[" * 40 + "]" * 40 + "}"):
            for path in BODIES:
                answer = self.ask("POST", fill(path, ["x", "y", "z"]), body)
                self.assertGreaterEqual(answer.status, 400)

    def test_z_nothing_has_changed(self):
        self.assertEqual(self.facts(), self.before)


if __name__ == "__main__":
    api.main(__name__)
