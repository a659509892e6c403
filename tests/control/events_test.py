"""Live events: through Debian's python3-websockets and through a plain SSE reader, neither of which we wrote."""
import asyncio
import json
import socket
import threading
import time
import unittest

import websockets
import websockets.client

import api
from api import Band, Hub, check_event, quote, wait


class SseClient:
    """Server-Sent Events by the standard's rules, on a thread."""

    def __init__(self, hub, query=""):
        self.events, self.comments = [], 0
        self.socket = socket.create_connection(hub.api)
        self.socket.sendall(f"GET /api/v1/events{query} HTTP/1.1\r\nHost: localhost\r\n"
                            "Accept: text/event-stream\r\n\r\n".encode())
        self.lines = self.socket.makefile("rb")
        self.status = int(self.lines.readline().split()[1])
        while self.lines.readline().strip():
            pass
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        data = []
        for line in self.lines:
            line = line.decode().rstrip("\r\n")
            if line.startswith(":"):
                self.comments += 1
            elif line.startswith("data:"):
                data.append(line[5:].removeprefix(" "))
            elif not line and data:
                event = json.loads("\n".join(data))
                check_event(event)
                self.events.append(event)
                data = []

    def of(self, topic):
        return [one for one in self.events if one["topic"] == topic]

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()


class Events(unittest.TestCase):
    def setUp(self):
        self.hub, self.band = Hub(), Band()

    def tearDown(self):
        self.hub.end()
        self.band.end()

    def websocket(self, test, query="", **more):
        """Runs `test(socket, receive)`; receive(topic) gives the next event of a topic."""
        async def run():
            async with websockets.connect(f"ws://127.0.0.1:{self.hub.api[1]}/api/v1/events" + query, **more) as socket:
                async def receive(topic, seconds=5):
                    while True:
                        event = json.loads(await asyncio.wait_for(socket.recv(), seconds))
                        check_event(event)
                        if event["topic"] == topic:
                            return event
                await test(socket, receive)
        asyncio.run(run())

    def test_a_stream_tells_of_ports_and_peers(self):
        client = SseClient(self.hub)
        wait(lambda: client.of("hello"), what="hello")
        anna = self.band.join("Änna", self.hub.port)
        wait(lambda: any(one["event"] == "synchronised" for one in client.of("peers")), what="the peer")
        up = wait(lambda: client.of("ports"), what="the port")[0]
        self.assertEqual((up["event"], up["port"]["id"], up["port"]["up"]), ("up", "rtp/Stage/Änna", True))
        anna.leave()
        wait(lambda: client.of("ports")[-1]["event"] == "away", what="its going")
        self.assertFalse(client.of("ports")[-1]["port"]["up"])
        self.assertIn("left", [one["event"] for one in client.of("peers")])
        client.close()

    def test_what_is_told_can_be_asked_at_once(self):
        client = SseClient(self.hub)
        for i in range(20):
            self.hub.items("/api/v1/ports")  # keeps an answer of before
            self.band.join(f"Peer {i}", self.hub.port)
            wait(lambda: len([one for one in client.of("ports") if one["event"] == "up"]) == i + 1, what="the port")
            self.assertEqual(len(self.hub.items("/api/v1/ports")), i + 1)
        client.close()

    def test_a_websocket_hears_the_same_and_can_choose_anew(self):
        async def test(socket, receive):
            hello = await receive("hello")
            self.assertEqual(hello["subscription"]["topics"], ["ports", "peers", "rules", "invitations"])
            await socket.send(json.dumps({"topics": ["log"]}))
            self.assertEqual((await receive("hello"))["subscription"]["topics"], ["log"])
            await asyncio.to_thread(self.band.join, "Anna", self.hub.port)
            while "Anna" not in (await receive("log"))["line"]["text"]:
                pass  # other lines may come before, such as that there is no JACK server
            for wrong in ("{", "[]", '{"topics":["x"]}', '{"taps":[{}]}', '{"meters_ms":1}', '{"x":1}',
                          '{"topics":"log"}', '{"taps":[{"port":"a","x":1}]}'):
                await socket.send(wrong)
                self.assertTrue((await receive("mistake"))["errors"])
            await socket.send(json.dumps({"topics": []}))
            await receive("hello")
        self.websocket(test, subprotocols=["tutti.v1"])

    def test_invitations_are_told(self):
        self.hub.end()
        self.hub = Hub({"sessions": [{"port": 0, "invitations": {"policy": "ask"}}]})
        client = SseClient(self.hub, "?topics=invitations")
        zoe = self.band.add("Zoe")
        zoe.invite("127.0.0.1", self.hub.port)
        told = wait(lambda: client.of("invitations"), what="the invitation")[0]
        self.assertEqual((told["event"], told["invitation"]["name"]), ("waiting", "Zoe"))
        self.hub.ask("POST", f"/api/v1/invitations/{told['invitation']['id']}/approve")
        wait(lambda: client.of("invitations")[-1]["event"] == "admitted", what="the decision")
        time.sleep(1.2)  # she asked again meanwhile, and is not told again
        self.assertEqual(len(client.of("invitations")), 2)
        client.close()

    def test_midi_is_shown_decoded_and_raw(self):
        anna, ben = self.band.join("Anna", self.hub.port), self.band.join("Ben", self.hub.port)
        tapped = SseClient(self.hub, "?tap=" + quote("rtp/Stage/Ben"))
        route = SseClient(self.hub, f"?from={quote('rtp/Stage/Anna')}&to={quote('rtp/Stage/Ben')}")
        all_in = SseClient(self.hub, "?tap=*")
        wait(lambda: tapped.of("hello") and route.of("hello") and all_in.of("hello"), what="hello")
        time.sleep(0.1)
        anna.play(b"\x92\x3c\x64", b"\xf8")
        ben.play(b"\xb0\x07\x01")

        def midi(client):
            return [one for event in client.of("midi") for one in event["events"]]

        wait(lambda: len(midi(tapped)) >= 3 and len(midi(route)) >= 2 and len(midi(all_in)) >= 3, what="MIDI")
        first = midi(route)[0]
        self.assertEqual((first["from"], first["to"], first["octets"], first["message"]),
                         ("rtp/Stage/Anna", "rtp/Stage/Ben", "92 3C 64",
                          {"type": "note_on", "channel": 3, "note": 60, "velocity": 100}))
        self.assertLess(abs(first["time_us"] / 1e6 - time.time()), 5)
        self.assertLess(abs(first["latency_us"]), 1_000_000)
        self.assertEqual({(one["from"], one["to"], one["octets"]) for one in midi(tapped)},
                         {("rtp/Stage/Anna", "rtp/Stage/Ben", "92 3C 64"), ("rtp/Stage/Anna", "rtp/Stage/Ben", "F8"),
                          ("rtp/Stage/Ben", None, "B0 07 01")})
        self.assertEqual({(one["from"], one["to"]) for one in midi(all_in)},
                         {("rtp/Stage/Anna", None), ("rtp/Stage/Ben", None)})
        for client in (tapped, route, all_in):
            client.close()

    def test_a_tap_finds_its_port_when_it_comes_later(self):
        client = SseClient(self.hub, "?tap=" + quote("rtp/Stage/Anna"))
        wait(lambda: client.of("hello"), what="hello")
        anna = self.band.join("Anna", self.hub.port)
        time.sleep(0.1)
        anna.play(b"\x90\x3c\x64")
        wait(lambda: client.of("midi"), what="MIDI")
        client.close()

    def test_meters_come_as_often_as_asked_and_tell_totals(self):
        anna = self.band.join("Anna", self.hub.port)
        self.band.join("Ben", self.hub.port)
        client = SseClient(self.hub, "?meters_ms=50")
        wait(lambda: len(client.of("meters")) >= 2, what="meters")
        at, before = time.monotonic(), len(client.of("meters"))
        for _ in range(20):
            anna.play(b"\x90\x3c\x64", b"\x90\x3c\x00")
            time.sleep(0.05)
        rate = (len(client.of("meters")) - before) / (time.monotonic() - at)
        self.assertLessEqual(rate, 21)
        self.assertGreater(rate, 8)
        wait(lambda: client.of("meters")[-1]["ports"].get("rtp/Stage/Anna") == [40, 0], what="the total")
        self.assertEqual(client.of("meters")[-1]["ports"]["rtp/Stage/Ben"], [0, 40])
        client.close()

    def test_a_reader_that_sleeps_is_told_what_it_missed_and_delays_nobody(self):
        anna, ben = self.band.join("Anna", self.hub.port), self.band.join("Ben", self.hub.port)
        sleeper = socket.socket()
        sleeper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sleeper.connect(self.hub.api)
        sleeper.sendall(b"GET /api/v1/events?tap=*&meters_ms=50 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        sleeper.settimeout(10)
        before = len(ben.received)
        notes = [(0, bytes([0x90, i % 128, 64])) for i in range(100)]
        rounds = 400
        for _ in range(rounds):
            anna.play(*notes)
            time.sleep(0.005)
        wait(lambda: len(ben.received) - before + sum(p.lost for p in ben.partners.values()) * 100 >= rounds * 100, 20,
             "all the notes")
        self.assertGreaterEqual(len(ben.received) - before, rounds * 95)
        shown = missed = 0
        response = sleeper.makefile("rb")
        end = time.monotonic() + 60
        while not missed and time.monotonic() < end:
            line = response.readline().decode()
            if line.startswith("data: "):
                event = json.loads(line[6:])
                if event["topic"] == "missed" or shown < 1000:  # thousands would take a busy machine too long
                    check_event(event)
                shown += len(event.get("events", [])) if event["topic"] == "midi" else 0
                missed += event["events"].get("midi", 0) if event["topic"] == "missed" else 0
        self.assertGreater(missed, 0)
        self.assertGreater(shown, 0)
        response.close()
        sleeper.close()

    def test_every_described_topic_can_be_heard(self):
        topics = api.OPENAPI["components"]["schemas"]["Topic"]["enum"]
        client = SseClient(self.hub, "?topics=" + ",".join(topics))
        hello = wait(lambda: client.of("hello"), what="hello")[0]
        self.assertEqual(hello["subscription"]["topics"], topics)
        client.close()

    def test_what_cannot_be_heard_is_refused(self):
        for query in ("?topics=x", "?x=1", "?meters_ms=1", "?meters_ms=x", "?topics="):
            answer = self.hub.ask("GET", "/api/v1/events" + query, headers={"Accept": "text/event-stream"})
            self.assertEqual(answer.status, 400)
            self.assertTrue(answer.json["errors"])
        self.assertEqual(self.hub.ask("GET", "/api/v1/events", headers={"Accept": "application/json"}).status, 406)

    def test_foreign_pages_cannot_open_a_websocket(self):
        for origin in ("http://evil.example", "null"):
            with self.assertRaises(websockets.exceptions.InvalidStatusCode) as caught:
                self.websocket(None, origin=origin)
            self.assertEqual(caught.exception.status_code, 403)

    def test_a_browser_brings_its_token_as_a_subprotocol(self):
        import os
        os.environ["TUTTI_TEST_TOKEN"] = "reading-12345"
        self.hub.end()
        self.hub = Hub({"sessions": [{"port": 0}], "control": {"tokens": [
            {"name": "page", "role": "read", "environment": "TUTTI_TEST_TOKEN"}]}})
        for protocols, status in ((["tutti.v1"], 401), (["tutti.v1", "bearer.wrong-12345"], 401)):
            with self.assertRaises(websockets.exceptions.InvalidStatusCode) as caught:
                self.websocket(None, subprotocols=protocols)
            self.assertEqual(caught.exception.status_code, status)

        async def test(socket, receive):
            self.assertEqual(socket.subprotocol, "tutti.v1")
            await receive("hello")
        self.websocket(test, subprotocols=["tutti.v1", "bearer.reading-12345"])

    def test_broken_websockets_are_closed(self):
        async def too_long(socket, receive):
            await receive("hello")
            await socket.send("x" * 100_000)
            with self.assertRaises(websockets.exceptions.ConnectionClosed):
                while True:
                    await asyncio.wait_for(socket.recv(), 5)
        self.websocket(too_long)
        self.assertEqual(self.hub.get("/healthz"), {"status": "ok"})

    def test_the_hub_ends_with_streams_open(self):
        clients = [SseClient(self.hub, "?tap=*&meters_ms=50") for _ in range(5)]
        code, took = self.hub.stop()
        self.assertEqual(code, 0)
        self.assertLess(took, 1.5)
        for client in clients:
            client.close()


if __name__ == "__main__":
    api.main(__name__)
