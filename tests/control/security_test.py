"""Who may do what: tokens, roles, Host, Origin, TLS, and clients that mean harm."""
import os
import pathlib
import re
import socket
import ssl
import subprocess
import time
import unittest

import api
from api import Hub, wait

READ, CONTROL = "read-token-12345", "control-token-67890"


def bearer(token):
    return {"Authorization": f"Bearer {token}"} if token else {}


class Tokens(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        os.environ["TUTTI_TEST_TOKEN"] = CONTROL
        file = pathlib.Path(api.tempfile.mkstemp()[1])
        file.write_text(READ + "\n")
        cls.hub = Hub({"sessions": [{"port": 0}], "control": {
            "tokens": [{"name": "wall", "role": "read", "file": str(file)},
                       {"name": "desk", "role": "control", "environment": "TUTTI_TEST_TOKEN"}],
            "hosts": ["hub.example"], "origins": ["https://stage.example"]}})
        file.unlink()

    @classmethod
    def tearDownClass(cls):
        cls.hub.end()

    def status(self, method, path, **headers):
        body = "{}" if method in ("POST", "PUT") else None
        return self.hub.ask(method, path, body, headers={key.replace("_", "-"): value
                                                         for key, value in headers.items()}).status

    def test_the_whole_matrix_of_token_role_host_and_origin(self):
        own = f"http://127.0.0.1:{self.hub.api[1]}"
        tokens = {None: 0, READ: 1, CONTROL: 2, "wrong-token-12345": None}
        requests = {("GET", "/healthz"): 0, ("GET", "/readyz"): 0, ("GET", "/api/v1/status"): 1,
                    ("GET", "/metrics"): 1, ("GET", "/api/v1/openapi.json"): 1, ("GET", "/api/v1/ports/none"): 1,
                    ("POST", "/api/v1/config/validate"): 1, ("POST", "/api/v1/panic"): 2,
                    ("PUT", "/api/v1/log-level"): 2, ("DELETE", "/api/v1/peers/0"): 2}
        hosts = {"127.0.0.1": True, "localhost:8504": True, "[::1]": True, "Hub.Example:80": True,
                 "evil.example": False, "127.0.0.1.evil.example": False, "hub.example.evil": False}
        origins = {None: True, "https://stage.example": True, "null": False, "http://evil.example": False,
                   "http://stage.example": False, own: None}
        for host, host_is_known in hosts.items():
            for origin, origin_is_known in origins.items():
                if origin == own:
                    origin_is_known = host == "127.0.0.1" and False  # own only if Host is the very same
                for token, role in tokens.items():
                    for (method, path), needed in requests.items():
                        headers = {"Host": host, **bearer(token), **({"Origin": origin} if origin else {})}
                        answer = self.hub.ask(method, path, "{}" if method in ("POST", "PUT") else None,
                                              headers=headers)
                        expected = (421 if not host_is_known else 403 if not origin_is_known else
                                    401 if role is None or role == 0 < needed else 403 if role < needed else None)
                        what = f"{method} {path} Host {host} Origin {origin} token {token}"
                        if expected:
                            self.assertEqual(answer.status, expected, what)
                        else:
                            self.assertIn(answer.status, (200, 204, 404, 422), what)
                        cors = answer.headers.get("Access-Control-Allow-Origin")
                        wanted = "https://stage.example" if host_is_known and origin == "https://stage.example" else None
                        self.assertEqual(cors, wanted, what)

    def test_pages_of_the_hub_itself_may_ask(self):
        host = f"127.0.0.1:{self.hub.api[1]}"
        self.assertEqual(self.status("GET", "/api/v1/status", Host=host, Origin=f"http://{host}", **bearer(READ)), 200)

    def test_a_preflight_is_answered_for_listed_origins_only(self):
        answer = self.hub.ask("OPTIONS", "/api/v1/panic", headers={
            "Origin": "https://stage.example", "Access-Control-Request-Method": "POST"})
        self.assertEqual((answer.status, answer.headers["Access-Control-Allow-Methods"]), (204, "POST, OPTIONS"))
        self.assertEqual(self.hub.ask("OPTIONS", "/api/v1/panic", headers={"Origin": "http://evil.example"}).status, 403)

    def test_other_ways_to_bring_a_token_are_none(self):
        for headers in ({"Authorization": f"Basic {CONTROL}"}, {"Authorization": CONTROL}, {"X-Token": CONTROL},
                        {"Cookie": f"token={CONTROL}"}):
            self.assertEqual(self.hub.ask("GET", "/api/v1/status", headers=headers).status, 401)
        self.assertEqual(self.status("GET", f"/api/v1/status?token={CONTROL}&access_token={CONTROL}"), 401)

    def test_a_body_is_not_read_before_the_token(self):
        answer = self.hub.raw(b"POST /api/v1/panic HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 401 "))

    def test_a_challenge_tells_how_to_come_in(self):
        answer = self.hub.ask("GET", "/api/v1/status")
        self.assertEqual(answer.headers["WWW-Authenticate"], 'Bearer realm="tutti"')


class Secrets(unittest.TestCase):
    def test_no_token_is_ever_logged(self):
        os.environ["TUTTI_TEST_TOKEN"] = CONTROL
        import subprocess as processes
        folder = api.tempfile.TemporaryDirectory()
        file = pathlib.Path(folder.name) / "tutti.json"
        file.write_text('{"sessions":[{"port":0}],"log":{"level":"trace"},"control":{"listen":["127.0.0.1:1"],'
                        '"tokens":[{"name":"desk","environment":"TUTTI_TEST_TOKEN"}]}}')
        child = processes.Popen([api.PROGRAM, "serve", "--config", file, "--control", "127.0.0.1:0"],
                                stdout=processes.PIPE, stderr=processes.STDOUT, text=True)
        port = None
        lines = []
        for line in child.stdout:
            lines.append(line)
            if "control API on" in line:
                port = int(line.split(":")[-1].split(",")[0])
                break
        for token in (CONTROL, CONTROL + "x"):
            with socket.create_connection(("127.0.0.1", port)) as made:
                made.sendall(f"GET /api/v1/status?{token} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                             f"Authorization: Bearer {token}\r\n\r\n".encode())
                while made.recv(65536):
                    pass
        child.terminate()
        lines += child.stdout.readlines()
        child.wait()
        self.assertNotIn(CONTROL, "".join(lines))
        folder.cleanup()

    def test_addresses_beyond_loopback_need_tokens_or_a_waiver(self):
        def serve(*options, configuration="{}"):
            with api.tempfile.NamedTemporaryFile("w", suffix=".json") as file:
                file.write(configuration)
                file.flush()
                return subprocess.run([api.PROGRAM, "serve", "--port", "0", "--config", file.name, *options],
                                      capture_output=True, text=True, timeout=10)

        for options, configuration in ((["--control", "0.0.0.0:0"], "{}"), (["--control", "[::]:0"], "{}"),
                                       ([], '{"control":{"listen":["0.0.0.0:8599"]}}')):
            ended = serve(*options, configuration=configuration)
            self.assertEqual(ended.returncode, 2, ended.stderr)
            self.assertIn("token", ended.stderr)
        short = serve(configuration='{"control":{"tokens":[{"name":"a","environment":"NO_SUCH_VARIABLE"}]}}')
        self.assertEqual(short.returncode, 1)
        hub = Hub({"sessions": [{"port": 0}], "control": {"listen": ["127.0.0.1:1"], "without_token": True}},
                  host="0.0.0.0")
        hub.api = ("127.0.0.1", hub.api[1])
        self.assertEqual(hub.ask("GET", "/api/v1/status").status, 200)
        hub.end()


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.hub = Hub()

    @classmethod
    def tearDownClass(cls):
        cls.hub.end()

    def test_a_slow_loris_keeps_nobody_out(self):
        slow = []
        for _ in range(700):  # more than the hub has connections
            made = socket.create_connection(self.hub.api)
            made.sendall(b"GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nX-A: ")
            slow.append(made)
        at = time.monotonic()
        for _ in range(20):
            self.assertEqual(self.hub.ask("GET", "/api/v1/status").status, 200)
            for made in slow[::50]:
                try:
                    made.sendall(b"b")
                except OSError:
                    pass
        self.assertLess(time.monotonic() - at, 3)
        for made in slow:
            made.close()

    def test_a_slow_body_is_given_up(self):
        made = socket.create_connection(self.hub.api)
        made.sendall(b"POST /api/v1/panic HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{")
        self.assertEqual(self.hub.ask("GET", "/api/v1/status").status, 200)
        made.close()

    def test_smuggled_requests_are_refused(self):
        for head in (b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", b"Content-Length: 4\r\nContent-Length: 5\r\n",
                     b"Transfer-Encoding: gzip, chunked, x\r\nContent-Length: 1\r\n", b"Content-Length: +4\r\n",
                     b"Host: other\r\n"):
            answer = self.hub.raw(b"POST /api/v1/panic HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + head +
                                  b"\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                                  timeout=2)
            self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), (head, answer[:200]))
            self.assertEqual(len(re.findall(rb"HTTP/1\.1 \d", answer)), 1, head)


class Tls(unittest.TestCase):
    def make_certificate(self, folder, name):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
                        "-keyout", f"{folder}/key.pem", "-out", f"{folder}/certificate.pem"],
                       check=True, capture_output=True)

    def test_the_api_speaks_tls_and_takes_up_new_certificates(self):
        with api.tempfile.TemporaryDirectory() as folder:
            self.make_certificate(folder, "first")
            hub = Hub({"sessions": [{"port": 0}], "control": {"tls": {
                "certificate": f"{folder}/certificate.pem", "key": f"{folder}/key.pem"}}})
            self.assertTrue(hub.secure)

            def certificate():
                context = ssl.create_default_context()
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                with socket.create_connection(hub.api) as made, context.wrap_socket(made) as wrapped:
                    wrapped.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    self.assertTrue(wrapped.recv(100).startswith(b"HTTP/1.1 200 OK"))
                    return wrapped.getpeercert(binary_form=True)

            first = certificate()
            for version in (ssl.TLSVersion.TLSv1_1,):
                context = ssl.create_default_context()
                context.check_hostname, context.verify_mode, context.maximum_version = False, ssl.CERT_NONE, version
                with self.assertRaises((ssl.SSLError, ConnectionError)), socket.create_connection(hub.api) as made:
                    context.wrap_socket(made)
            out = subprocess.run([api.PROGRAM, "status", "--url", hub.url, "--ca", f"{folder}/certificate.pem"],
                                 capture_output=True, text=True)
            self.assertEqual(out.returncode, 0, out.stderr)
            out = subprocess.run([api.PROGRAM, "status", "--url", hub.url], capture_output=True, text=True)
            self.assertEqual(out.returncode, 3, "an unknown authority must not be trusted")
            pathlib.Path(f"{folder}/key.pem").write_text("broken")
            time.sleep(6)
            self.assertEqual(certificate(), first)
            self.make_certificate(folder, "second")
            wait(lambda: certificate() != first, 8, "the new certificate")
            plain = hub.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", timeout=2)
            self.assertNotIn(b"200", plain)
            hub.end()


if __name__ == "__main__":
    api.main(__name__)
