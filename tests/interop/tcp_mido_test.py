#!/usr/bin/env python3
"""MIDI over TCP: mido's sockets with each other, which shows that they are sound, and with the hub.

Usage: tcp_mido_test.py OPENSSL TUTTI [unittest's options, such as WithoutAHub]. Traffic stays on loopback.
"""
import json
import pathlib
import random
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import mido
import mido.sockets

from processes import Hub, has_ipv6

OPENSSL, TUTTI = sys.argv[1:3]

# Every type of message that mido knows.
PERFORMANCE = [
    mido.Message("note_on", channel=0, note=60, velocity=64),
    mido.Message("note_on", channel=0, note=62, velocity=64),  # the same status again
    mido.Message("polytouch", channel=1, note=60, value=12),
    mido.Message("control_change", channel=2, control=7, value=100),
    mido.Message("program_change", channel=3, program=5),
    mido.Message("aftertouch", channel=4, value=33),
    mido.Message("pitchwheel", channel=5, pitch=-8192),
    mido.Message("pitchwheel", channel=5, pitch=8191),
    mido.Message("sysex", data=()),
    mido.Message("sysex", data=(0x7E, 0x7F, 6, 1)),
    mido.Message("sysex", data=tuple(i % 128 for i in range(5000))),
    mido.Message("quarter_frame", frame_type=3, frame_value=7),
    mido.Message("songpos", pos=1000),
    mido.Message("song_select", song=9),
    mido.Message("tune_request"),
    mido.Message("clock"),
    mido.Message("start"),
    mido.Message("continue"),
    mido.Message("stop"),
    mido.Message("active_sensing"),
    mido.Message("note_off", channel=0, note=60, velocity=64),
    mido.Message("note_off", channel=0, note=62, velocity=0),
    mido.Message("reset"),
]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def unbuffered(port):
    """Mido 1.2 looks for octets at the socket when its file has already buffered them; 1.3 does not buffer."""
    port._rfile = port._socket.makefile("rb", buffering=0)
    return port


def receive(port, count, seconds=5):
    """That many messages of a mido port; fails if they do not come."""
    messages, end = [], time.monotonic() + seconds
    while len(messages) < count:
        if time.monotonic() > end:
            raise AssertionError(f"{len(messages)} of {count} messages came: {messages}")
        if (message := port.poll()) is None:
            time.sleep(0.001)
        else:
            messages.append(message)
    return messages


def receive_bytes(sock, count, seconds=5):
    """That many octets of a socket; fails if they do not come."""
    sock.settimeout(seconds)
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        if not more:
            raise AssertionError(f"the stream ended after {data.hex()}")
        data += more
    return data


class Case(unittest.TestCase):
    def started(self, process):
        self.addCleanup(process.end)
        return process

    def closing(self, thing):
        self.addCleanup(thing.close)
        return thing


class WithoutAHub(Case):
    def test_a_mido_client_and_a_mido_server_understand_each_other(self):
        number = free_port()
        server = self.closing(mido.sockets.PortServer("127.0.0.1", number))
        client = self.closing(mido.sockets.connect("127.0.0.1", number))
        for message in PERFORMANCE:
            client.send(message)
        self.assertEqual(receive(unbuffered(server.accept()), len(PERFORMANCE)), PERFORMANCE)


class ThroughTheHub(Case):
    def hub(self, **tcp):
        configuration = pathlib.Path(self.temporary_folder()) / "tutti.json"
        configuration.write_text(json.dumps({"sessions": [{"name": "TCP", "port": 0, "bind": ["127.0.0.1"]}],
                                             "local": {"alsa": {"enabled": False}, "jack": {"enabled": False}},
                                             "discovery": {"mode": "off"}, "tcp": tcp}))
        return self.started(Hub(TUTTI, "TCP", "--config", configuration))

    def temporary_folder(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return folder.name

    def listening_hub(self, **settings):
        """A hub with one listener; returns its TCP port."""
        number = free_port()
        self.process = self.hub(listen=[{"name": "desk", "port": number, **settings}])
        return number

    def socket(self, number, host="127.0.0.1"):
        end = time.monotonic() + 5
        while True:
            try:
                return self.closing(socket.create_connection((host, number), timeout=5))
            except ConnectionRefusedError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def mido_client(self, number):
        self.socket(number).close()  # the hub is up
        return self.closing(unbuffered(mido.sockets.connect("127.0.0.1", number)))

    def settled(self):
        time.sleep(0.1)

    def test_mido_clients_hear_each_other_in_every_type(self):
        number = self.listening_hub()
        one, two = self.mido_client(number), self.mido_client(number)
        self.settled()
        for player, listener in ((one, two), (two, one)):
            for message in PERFORMANCE:
                player.send(message)
            self.assertEqual(receive(listener, len(PERFORMANCE)), PERFORMANCE)

    def test_a_mido_server_is_connected_to_and_again_when_it_returns(self):
        number, listening = free_port(), free_port()
        server = mido.sockets.PortServer("127.0.0.1", number)
        self.hub(listen=[{"name": "desk", "port": listening}], connect=[f"127.0.0.1:{number}"])
        client = self.mido_client(listening)
        connection = unbuffered(server.accept())
        self.settled()
        for message in PERFORMANCE:
            client.send(message)
        self.assertEqual(receive(connection, len(PERFORMANCE)), PERFORMANCE)
        for message in PERFORMANCE:
            connection.send(message)
        self.assertEqual(receive(client, len(PERFORMANCE)), PERFORMANCE)
        connection.send(mido.Message("note_on", note=70, velocity=1))
        receive(client, 1)
        connection._socket.shutdown(socket.SHUT_RDWR)  # mido's close leaves its files open, and so the connection
        self.assertEqual(receive(client, 1)[0].note, 70)  # released
        connection = self.closing(unbuffered(server.accept()))  # the hub comes back by itself
        self.settled()
        connection.send(mido.Message("note_on", note=71, velocity=1))
        self.assertEqual(receive(client, 1)[0].note, 71)
        server.close()

    def test_every_split_of_a_stream_gives_the_same(self):
        number = self.listening_hub()
        player, listener = self.socket(number), self.socket(number)
        player.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.settled()
        sent = bytes.fromhex("903c403e40 f07ef87f0601f7 b00764 f8 c005 e00040 803c40 803e40")
        heard = bytes.fromhex("903c40903e40 f07ef87f0601f7 b00764 f8 c005 e00040 803c40 803e40")
        heard_chunks = bytes.fromhex("903c40903e40 f8 f07e7f0601f7 b00764 f8 c005 e00040 803c40 803e40")
        for at in range(len(sent) + 1):
            player.sendall(sent[:at])
            time.sleep(0.002)
            player.sendall(sent[at:])
            got = receive_bytes(listener, len(heard))
            self.assertIn(got, (heard, heard_chunks), f"split at {at}: {got.hex()}")
        for octet in sent:
            player.sendall(bytes([octet]))
            time.sleep(0.002)
        self.assertIn(receive_bytes(listener, len(heard)), (heard, heard_chunks))

    def test_clients_killed_mid_message_leave_nothing_sounding(self):
        number = self.listening_hub()
        listener = self.socket(number)
        for reset in (False, True):
            for half in ("903c40", "903c4090", "903c409040", "903c40f00102", "903c40f0"):
                player = self.socket(number)
                self.settled()
                player.sendall(bytes.fromhex(half))
                self.assertEqual(receive_bytes(listener, 3).hex(), "903c40")
                time.sleep(0.02)
                if reset:
                    player.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                player.close()
                self.assertEqual(receive_bytes(listener, 3).hex(), "803c40", half)

    def test_500_clients_at_once_hear_one_and_are_heard(self):
        number = self.listening_hub(max_clients=600)
        clients = [self.socket(number) for _ in range(500)]
        time.sleep(1)
        clients[0].sendall(bytes.fromhex("903c40803c40"))
        for client in clients[1:]:
            self.assertEqual(receive_bytes(client, 6).hex(), "903c40803c40")
        for channel, client in enumerate(clients[1:11]):
            client.sendall(bytes([0xC0 | channel, 1]))
        self.assertEqual(len(receive_bytes(clients[0], 20)), 20)
        for client in clients:
            client.close()
        survivor = self.socket(number), self.socket(number)
        self.settled()
        survivor[0].sendall(b"\xc0\x07")
        self.assertEqual(receive_bytes(survivor[1], 2), b"\xc0\x07")

    def test_a_client_too_many_is_turned_away(self):
        number = self.listening_hub(max_clients=1)
        self.socket(number)
        self.settled()
        self.assertEqual(self.socket(number).recv(10), b"")

    def test_who_is_not_allowed_is_turned_away(self):
        number = self.listening_hub(allow=["192.0.2.0/24"])
        self.assertEqual(self.socket(number).recv(10), b"")

    @unittest.skipUnless(has_ipv6(), "no IPv6")
    def test_ipv6_and_ipv4_through_one_listener(self):
        number = self.listening_hub(address="::", allow=["127.0.0.0/8", "::1"])
        one, two = self.socket(number), self.socket(number, "::1")
        self.settled()
        one.sendall(b"\xc0\x07")
        self.assertEqual(receive_bytes(two, 2), b"\xc0\x07")

    def test_a_reader_that_stops_reading_is_closed_and_the_others_are_not_disturbed(self):
        number = self.listening_hub()
        player, listener, sleeper = self.socket(number), self.socket(number), self.socket(number)
        sleeper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.settled()
        block = bytes.fromhex("903c40803c40") * 1000
        heard = 0
        for _ in range(200):
            player.sendall(block)
            heard += len(receive_bytes(listener, len(block)))
        self.assertEqual(heard, 200 * len(block))
        # What the system still holds comes, then the end.
        sleeper.settimeout(5)
        while True:
            try:
                if not sleeper.recv(65536):
                    break
            except ConnectionResetError:
                break

    def test_a_flood_of_rubbish_changes_nothing(self):
        number = self.listening_hub()
        rubbish = random.Random(1)
        flooder, player, listener = self.socket(number), self.socket(number), self.socket(number)
        self.settled()
        flooder.sendall(bytes(rubbish.choices(range(0, 0x80), k=300_000)))
        flooder.sendall(bytes(rubbish.choices((0xF4, 0xF5, 0xF7, 0xF9, 0xFD, 0x11), k=100_000)))
        player.sendall(b"\xc0\x07")
        self.assertEqual(receive_bytes(listener, 2), b"\xc0\x07")

    def test_the_hub_ends_in_time_with_connections_open(self):
        number = self.listening_hub()
        client = self.socket(number)
        self.settled()
        code, seconds = self.process.stop()
        self.assertEqual(code, 0)
        self.assertLess(seconds, 1)
        self.assertEqual(client.recv(10), b"")

    def test_tls_both_ways(self):
        folder = pathlib.Path(self.temporary_folder())
        subprocess.run([OPENSSL, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                        "-nodes", "-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                       check=True, stderr=subprocess.DEVNULL)
        number = free_port()
        secured = {"certificate": str(folder / "cert.pem"), "key": str(folder / "key.pem")}
        self.hub(listen=[{"name": "desk", "port": number, "tls": secured}])
        plain = free_port()
        self.hub(listen=[{"name": "far", "port": plain}],
                 connect=[{"host": "localhost", "port": number, "tls": True, "authorities": secured["certificate"]}])
        context = ssl.create_default_context(cafile=secured["certificate"])
        one = self.closing(context.wrap_socket(self.socket(number), server_hostname="localhost"))
        self.assertIn(one.version(), ("TLSv1.2", "TLSv1.3"))
        two = self.socket(plain)
        time.sleep(1)  # the second hub's connection is up
        performance = b"".join(message.bin() for message in PERFORMANCE[:11]) * 20
        one.sendall(performance)
        self.assertEqual(receive_bytes(two, len(performance)), performance)
        two.sendall(performance)
        self.assertEqual(receive_bytes(one, len(performance)), performance)
        # Who does not speak TLS hears nothing and is no port.
        stranger = self.socket(number)
        stranger.sendall(b"\x90\x3c\x40" * 10)
        stranger.settimeout(5)
        try:
            while stranger.recv(100):
                pass
        except ConnectionResetError:
            pass

    def test_a_certificate_for_another_name_is_refused(self):
        folder = pathlib.Path(self.temporary_folder())
        subprocess.run([OPENSSL, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                        "-nodes", "-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-days", "2",
                        "-subj", "/CN=elsewhere", "-addext", "subjectAltName=DNS:elsewhere.example"],
                       check=True, stderr=subprocess.DEVNULL)
        number, plain = free_port(), free_port()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        with socket.create_server(("127.0.0.1", number)) as server:
            self.hub(listen=[{"name": "far", "port": plain}],
                     connect=[{"host": "localhost", "port": number, "tls": True,
                               "authorities": str(folder / "cert.pem")}])
            server.settimeout(5)
            connection, _ = server.accept()
            with self.assertRaises(ssl.SSLError):
                context.wrap_socket(connection, server_side=True).recv(1)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    unittest.main(argv=[sys.argv[0]] + sys.argv[3:])
