#!/usr/bin/env python3
"""Wireshark's dissectors read what is on the wire, and must find in it what was played.

Usage: tshark_test.py TSHARK TUTTI [unittest's options, such as WithoutAHub]. Peers keep the datagrams they saw, so
nothing is captured from an interface and no privilege is needed. Without a hub, two of our peers are read, which
shows that this reading can be trusted.
"""
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

from applemidi import Datagram, Packet, Partner, Peer, encode_packet, join_sysex, run, write_pcap
from processes import Hub

TSHARK, TUTTI = sys.argv[1:3]

# Packets of (ticks after the first, message). A quarter frame is not the last of its packet, as TShark 4.0 calls that
# malformed, and no SysEx has exactly one data octet, which it misreads.
PERFORMANCE = [[(ticks, bytes.fromhex(message)) for ticks, message in packet] for packet in (
    [(0, "903c40")],
    [(0, "903e41"), (0, "904342"), (30, "b0077f"), (200, "80433f")],
    [(0, "f8"), (0, "913c40"), (0, "a13c22"), (0, "c105"), (0, "d233"), (0, "e30145")],
    [(0, "f123"), (0, "f20102"), (0, "f305"), (0, "f6"), (0, "fa"), (0, "fb"), (0, "fc")],
    [(0, "f07e7f0601f7")],
    [(0, "f0" + "0102" * 40 + "f7"), (0, "903c00")],
)]

NAMES = {0x80: "Note Off", 0x90: "Note On", 0xA0: "Poly", 0xB0: "Control Change", 0xC0: "Program Change",
         0xD0: "Channel Pressure", 0xE0: "Pitch Bend", 0xF1: "MTC Quarter Frame", 0xF2: "Song Position",
         0xF3: "Song Select", 0xF6: "Tune Request", 0xF8: "Timing Clock", 0xFA: "Start", 0xFB: "Continue",
         0xFC: "Stop"}


def name_of(message):
    if message[0] & 0xF0 == 0x90 and message[2] == 0:
        return "Note Off*"
    return NAMES.get(message[0] if message[0] >= 0xF0 else message[0] & 0xF0, "Sysex")


class Seen:
    """One datagram as tshark sees it."""

    def __init__(self, packet):
        self.fields = {}
        for field in packet.iter("field"):
            self.fields.setdefault(field.get("name"), field)
        self.malformed = any(proto.get("name") == "_ws.malformed" for proto in packet.iter("proto"))
        self.commands = []           # (ticks since the packet's timestamp, what tshark calls it, message)
        elapsed = 0
        for section in packet.iter("field"):
            if section.get("show") != "Command Section":
                continue
            for entry in section:
                if entry.get("name").startswith("rtpmidi.deltatime"):
                    # Its reading of longer deltas is off by some bits, so the octets are taken.
                    delta = 0
                    for octet in bytes.fromhex(entry.get("unmaskedvalue")):
                        delta = delta << 7 | octet & 0x7F
                    elapsed += delta
                else:
                    octets, status = bytes.fromhex(entry.get("value")), entry[0].get("unmaskedvalue")
                    message = octets if octets[0] >= 0x80 else bytes.fromhex(status) + octets
                    self.commands.append((elapsed, entry.get("show"), message))

    def value(self, name):
        return int(self.fields[name].get("value"), 16)

    def letters(self):
        field = self.fields.get("applemidi.command")
        return bytes.fromhex(field.get("value")).decode() if field is not None else "RTP"


def read(datagrams):
    """What tshark sees in each."""
    # A Chapter N with several logs and OFFBITS at the end of a packet is called malformed by TShark 4.0, and is not if
    # more octets follow. That the journal ends with the packet is checked by applemidi.py.
    datagrams = [entry._replace(data=readable(entry.data)) if has_journal(entry.data) else entry for entry in datagrams]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "wire.pcap")
        write_pcap(path, datagrams)
        out = subprocess.run([TSHARK, "-r", path, "-T", "pdml"], check=True, capture_output=True, text=True).stdout
    seen = [Seen(packet) for packet in xml.etree.ElementTree.fromstring(out).iter("packet")]
    assert len(seen) == len(datagrams)
    return seen


def has_journal(data):
    return data[:2] != b"\xff\xff" and bool(data[12] & 0x40)


def readable(data):
    """The packet as TShark 4.0 can read it. It takes the S bit of Chapter Q for T and then loses its place, and does not
    know Chapter X, so a journal with a system part is cut off; those are compared with tshark chapter by chapter in
    tests/protocol/journal."""
    long = data[12] & 0x80
    start = (14 if long else 13) + ((data[12] & 15) << 8 | data[13] if long else data[12] & 15)
    if data[start] & 0x40:
        return data[:12] + bytes([data[12] & ~0x40]) + data[13:start]
    return data + bytes(300)


class Case(unittest.TestCase):
    def peer(self, name):
        peer = Peer(name)
        self.addCleanup(peer.close)
        return peer

    def perform(self, player):
        for packet in PERFORMANCE:
            player.play(*packet)

    def check_wire(self, peer, other, name):
        """Every datagram between the peer and the other port is well formed; those from there are returned by kind."""
        ports = (other, other + 1)
        wire = [entry for entry in peer.datagrams if {entry.source[1], entry.target[1]} & set(ports)]
        kinds = {}
        for entry, seen in zip(wire, read(wire)):
            self.assertFalse(seen.malformed, f"tshark: malformed: {entry.data.hex()}")
            if entry.source[1] not in ports:
                continue
            letters = seen.letters()
            kinds.setdefault(letters, []).append(seen)
            if letters == "RTP":
                self.assertIn("rtpmidi.b_flag", seen.fields, entry.data.hex())
                self.assertEqual(seen.value("rtp.p_type"), 97)
                self.assertEqual(seen.value("rtp.marker"), 0)
            else:
                self.assertIn("applemidi.sender_ssrc", seen.fields, entry.data.hex())
            if letters in ("IN", "OK"):
                self.assertEqual(seen.fields["applemidi.name"].get("show"), name)
                self.assertEqual(seen.value("applemidi.protocol_version"), 2)
        ssrcs = {seen.value("rtp.ssrc" if kind == "RTP" else "applemidi.sender_ssrc")
                 for kind, all_seen in kinds.items() for seen in all_seen}
        self.assertEqual(len(ssrcs), 1, "one SSRC in everything that it sends")
        return kinds

    def check_performance(self, packets):
        """tshark reads in these packets what was played, by name, octets and time between the messages of a packet."""
        played = [(ticks - packet[0][0], message) for packet in PERFORMANCE for ticks, message in packet]
        heard, stream = [], Partner(token=0)
        for packet in packets:
            for ticks, label, octets in packet.commands:
                message = join_sysex(stream, octets)
                if message:
                    heard.append((ticks, message))
                    self.assertIn(name_of(message), label)
        self.assertEqual([message.hex() for _, message in heard], [message.hex() for _, message in played])
        if len([packet for packet in packets if packet.commands]) == len(PERFORMANCE):
            for (was, message), (now, _) in zip(played, heard):
                self.assertLessEqual(abs(was - now), 2, f"delta of {message.hex()} in ticks")
        numbers = [packet.value("rtp.seq") for packet in packets]
        self.assertEqual([(b - a) & 0xFFFF for a, b in zip(numbers, numbers[1:])], [1] * (len(numbers) - 1))


class WithoutAHub(Case):
    def test_tshark_reads_what_our_peers_send(self):
        host, guest = self.peer("Host"), self.peer("Guest")
        guest.invite(*host.control.getsockname())
        run([host, guest], lambda: host.synchronised(3) and guest.synchronised(3), 3, "both in sync")
        self.perform(guest)
        sent = guest.partners[host.ssrc]
        run([host, guest], lambda: sent.acknowledged == sent.sequence & 0xFFFF, 2, "RS for the last packet")
        guest.leave()
        run([host, guest], lambda: not host.partners, 1, "BY")
        kinds = self.check_wire(host, guest.control.getsockname()[1], "Guest")
        self.assertEqual(set(kinds), {"IN", "CK", "RTP", "BY"})
        self.check_performance(kinds["RTP"])

    def test_a_cut_off_packet_is_called_malformed(self):
        source, target = ("127.0.0.1", 6000), ("127.0.0.1", 6002)
        invitation = b"\xff\xffIN" + bytes.fromhex("00000002" "11111111" "22222222") + b"A\0"
        whole = encode_packet(Packet(1, 0, 0x22222222, [(0, b"\x90\x3c\x40")], b""))
        seen = read([Datagram(0, source, target, data) for data in (invitation, whole, whole[:-2])])
        self.assertEqual([entry.malformed for entry in seen], [False, False, True])


class ThroughTheHub(Case):
    def test_tshark_reads_everything_that_the_hub_sends(self):
        invited = self.peer("Invited")
        hub = Hub(TUTTI, "Read by tshark", "--connect", f"127.0.0.1:{invited.control.getsockname()[1]}")
        self.addCleanup(hub.end)
        player, listener = self.peer("Player"), self.peer("Listener")
        peers = [invited, player, listener]
        for client in (player, listener):
            client.invite("127.0.0.1", hub.port)
        run(peers, lambda: all(peer.synchronised(6) for peer in peers), 5, "three peers in sync")
        expected = sum(len(packet) for packet in PERFORMANCE)
        self.perform(player)
        run(peers, lambda: all(len(peer.received) >= expected for peer in (invited, listener)), 2, "the performance")
        sent = next(iter(player.partners.values()))
        run(peers, lambda: sent.acknowledged == sent.sequence & 0xFFFF, 3, "RS for the last packet")
        code, _ = hub.stop()
        self.assertEqual(code, 0)
        run(peers, lambda: not any(peer.partners for peer in peers), 1, "BY to each")
        self.assertEqual(player.received, [], "nothing comes back to its source")

        for peer, kinds in ((invited, {"IN", "CK", "RTP", "BY"}), (listener, {"OK", "CK", "RTP", "BY"})):
            found = self.check_wire(peer, hub.port, "Read by tshark")
            self.assertLessEqual(kinds, set(found))
            self.check_performance(found["RTP"])
        found = self.check_wire(player, hub.port, "Read by tshark")
        self.assertLessEqual({"OK", "CK", "RS", "BY"}, set(found))
        self.assertEqual(found["RS"][-1].value("applemidi.rtp_sequence_number"), sent.sequence & 0xFFFF)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
