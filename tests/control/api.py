"""The hub as a test sees it: a process, its API by Python's own HTTP client, its peers, its published description.

Every answer is held against config/openapi.json: a path, method, status or body that it does not describe fails.
"""
import http.client
import json
import os
import pathlib
import re
import socket
import ssl
import sys
import tempfile
import threading
import urllib.parse

import jsonschema

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "interop"))
import applemidi  # noqa: E402
import processes  # noqa: E402

PROGRAM = None  # set by main()
OPENAPI = json.loads((ROOT / "config/openapi.json").read_text(encoding="utf-8"))
PATHS = {path: re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)) + "$") for path in OPENAPI["paths"]}
seen = set()  # (path, method, status) of everything that was answered


def schema_validator(schema):
    return jsonschema.Draft202012Validator({**schema, "components": OPENAPI["components"]})


def check_event(event):
    schema_validator({"$ref": "#/components/schemas/Event"}).validate(event)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


def resolve(node):
    while "$ref" in node:
        target = OPENAPI
        for part in node["$ref"][2:].split("/"):
            target = target[part]
        node = target
    return node


def check_described(method, path, answer):
    """Fails if the description does not foresee this answer."""
    bare = path.split("?")[0]
    known = next((name for name in sorted(PATHS, key=lambda name: "{" in name) if PATHS[name].match(bare)), None)
    method = "GET" if method == "HEAD" else method
    if known is None:
        assert answer.status in (400, 404, 414, 421, 431, 403), f"{bare}: {answer.status}"
        return
    operation = OPENAPI["paths"][known].get(method.lower())
    if operation is None:
        assert answer.status in (204, 400, 403, 405, 414, 421, 431), f"{method} {known}: {answer.status}"
        return
    assert str(answer.status) in operation["responses"], f"{method} {known} answered {answer.status}, undescribed"
    seen.add((known, method, answer.status))
    content = resolve(operation["responses"][str(answer.status)]).get("content", {})
    if not answer.body:
        return
    kind = answer.headers.get("Content-Type", "").split(";")[0]
    assert kind in content, f"{method} {known} answered {kind}"
    if kind.endswith("json"):
        schema_validator(content[kind].get("schema", {})).validate(answer.json)


class Hub(processes.Hub):
    """tutti serve with this configuration; .api is the address of its control API."""

    def __init__(self, configuration=None, *options, session="Stage", host="127.0.0.1"):
        self.folder = tempfile.TemporaryDirectory()
        options = ["--control", f"{host}:0", *options]
        if configuration is not None:
            self.file = pathlib.Path(self.folder.name) / "tutti.json"
            self.file.write_text(json.dumps(configuration))
            options += ["--config", self.file]
        super().__init__(PROGRAM, session, *options)
        found = self.wait_for(r"control API on (https?)://(\S+):(\d+)(, with a token)?", 10)
        self.secure, self.api = found[1] == "https", (found[2].strip("[]"), int(found[3]))
        self.url = f"{found[1]}://{found[2]}:{found[3]}"

    def end(self):
        if not self.child.stdin.closed:
            super().end()
            self.folder.cleanup()

    def connect(self, timeout=10):
        if self.secure:
            context = ssl.create_default_context(cafile=self.folder.name + "/certificate.pem")
            return http.client.HTTPSConnection(*self.api, timeout=timeout, context=context)
        return http.client.HTTPConnection(*self.api, timeout=timeout)

    def ask(self, method, path, body=None, headers=None, connection=None):
        """One request; the answer is held against the description."""
        made = connection or self.connect()
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        made.request(method, path, body=body.encode() if isinstance(body, str) else body, headers=headers)
        response = made.getresponse()
        answer = Answer(response.status, response.headers, response.read())
        if connection is None:
            made.close()
        check_described(method, path, answer)
        return answer

    def get(self, path, **more):
        answer = self.ask("GET", path, **more)
        assert answer.status == 200, answer.body
        return answer.json

    def items(self, path):
        return self.get(path)["items"]

    def raw(self, data, timeout=5):
        """Octets to the API and whatever comes back until it closes."""
        with socket.create_connection(self.api, timeout) as made:
            made.sendall(data)
            out = b""
            try:
                while chunk := made.recv(65536):
                    out += chunk
            except (TimeoutError, ConnectionResetError):
                pass
            return out


class Band:
    """Peers that are served on a thread of their own."""

    def __init__(self):
        self.peers, self.lock, self.over = [], threading.RLock(), False
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while not self.over:
            with self.lock:
                peers = list(self.peers)
            try:
                applemidi.run(peers, lambda: False, 0.02)
            except TimeoutError:
                pass

    def add(self, name):
        peer = applemidi.Peer(name)
        with self.lock:
            self.peers.append(peer)
        return peer

    def join(self, name, port):
        """A peer that has joined the session on this port."""
        peer = self.add(name)
        peer.invite("127.0.0.1", port)
        wait(lambda: peer.synchronised(), what=f"{name} to join")
        return peer

    def remove(self, peer):
        with self.lock:
            self.peers.remove(peer)

    def end(self):
        self.over = True
        self.thread.join()
        for peer in self.peers:
            peer.close()


def wait(condition, seconds=5, what="a condition"):
    """The first true value that the condition gives."""
    import time
    end = time.monotonic() + seconds
    while True:
        if found := condition():
            return found
        assert time.monotonic() < end, f"{what} did not come within {seconds} s"
        time.sleep(0.01)


def quote(text):
    return urllib.parse.quote(text, safe="")


def main(module):
    """Runs the module's tests: SCRIPT PROGRAM [TEST...]."""
    import unittest
    global PROGRAM
    PROGRAM = os.path.abspath(sys.argv[1])
    sys.modules["api"] = sys.modules[__name__]
    unittest.main(module=module, argv=[sys.argv[0], *sys.argv[2:]])
