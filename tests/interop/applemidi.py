"""A small AppleMIDI and RTP-MIDI peer in Python's standard library, written from the specifications alone.

It shares nothing with the hub, so what both understand is the protocol and not a common mistake. It is strict:
whatever RFC 6295 forbids raises Malformed. Every datagram is kept, and can be written as a pcap file.

Spec: Apple "MIDI Network Driver Protocol"; RFC 6295 sections 2 and 3, appendix A.1. One thread: run() serves peers.
"""
import ipaddress
import os
import select
import socket
import struct
import time
from typing import NamedTuple

TICKS_PER_SECOND = 10_000
PAYLOAD_TYPE = 97
COMMANDS = {b"IN": 16, b"OK": 16, b"NO": 16, b"BY": 16, b"CK": 36, b"RS": 12, b"RL": 12}  # shortest length
DATA_OCTETS = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2, 0xF1: 1, 0xF2: 2, 0xF3: 1, 0xF6: 0,
               0xF8: 0, 0xFA: 0, 0xFB: 0, 0xFC: 0, 0xFE: 0, 0xFF: 0}


class Malformed(Exception):
    """The bytes are not what the specification allows; the text says why."""


class Datagram(NamedTuple):
    """One datagram as it was on the wire."""
    time: float
    source: tuple
    target: tuple
    data: bytes


class Packet(NamedTuple):
    """One RTP-MIDI packet. commands: (ticks after timestamp, octets with status); a SysEx segment keeps its tail."""
    sequence: int
    timestamp: int
    ssrc: int
    commands: list
    journal: bytes


def need(condition, why):
    if not condition:
        raise Malformed(why)


# --- the command section -----------------------------------------------------------------------------------------


def decode_list(octets, first_has_delta):
    """The MIDI list of a packet, as (ticks since the packet's timestamp, message) pairs."""
    commands, position, elapsed, running = [], 0, 0, None
    while position < len(octets):
        if commands or first_has_delta:
            delta, count = 0, 0
            while True:
                need(position < len(octets) and count < 4, "delta time is cut off or longer than four octets")
                octet = octets[position]
                delta, position, count = delta << 7 | octet & 0x7F, position + 1, count + 1
                if octet < 0x80:
                    break
            elapsed += delta
            if position == len(octets):
                break
        status = octets[position]
        if status < 0x80:
            need(running is not None, "data octet without running status")
            status = running
        else:
            position += 1
        if status in (0xF0, 0xF7):
            end = position
            while end < len(octets) and octets[end] < 0x80:
                end += 1
            need(end < len(octets) and octets[end] in (0xF0, 0xF7, 0xF4), "SysEx without a legal tail")
            message, position = bytes([status]) + octets[position:end + 1], end + 1
            need(message not in (b"\xf0\xf4", b"\xf0\xf0"), "SysEx segment of no legal form")
        else:
            length = DATA_OCTETS.get(status if status >= 0xF0 else status & 0xF0)
            need(length is not None, f"undefined status {status:02x}")
            data = octets[position:position + length]
            need(len(data) == length and all(octet < 0x80 for octet in data), f"status {status:02x} lacks data")
            message, position = bytes([status]) + data, position + length
        if status < 0xF0:
            running = status
        elif status < 0xF8:
            running = None
        commands.append((elapsed, message))
    return commands


def encode_delta(ticks):
    octets = [ticks & 0x7F]
    while ticks := ticks >> 7:
        octets.insert(0, 0x80 | ticks & 0x7F)
    return bytes(octets)


def encode_list(commands):
    """The reverse of decode_list, with running status; the first command must be at 0 ticks."""
    out, elapsed, running = b"", 0, None
    for ticks, message in commands:
        if out:
            out += encode_delta(ticks - elapsed)
        elapsed = ticks
        out += message[1:] if message[0] == running else message
        if message[0] < 0xF8:
            running = message[0] if message[0] < 0xF0 else None
    return out


def check_journal(journal):
    """Walks the journal by its lengths, which must end where the packet ends."""
    need(len(journal) >= 3, "journal header is cut off")
    position = 3
    if journal[0] & 0x40:
        need(position + 2 <= len(journal), "system journal is cut off")
        length = struct.unpack_from(">H", journal, position)[0] & 0x3FF
        need(length >= 2, "system journal is shorter than its header")
        position += length
    channels = []
    for _ in range((journal[0] & 0x0F) + 1 if journal[0] & 0x20 else 0):
        need(position + 3 <= len(journal), "channel journal is cut off")
        head = struct.unpack_from(">H", journal, position)[0]
        need(head & 0x3FF >= 3, "channel journal is shorter than its header")
        channels.append(head >> 11 & 0x0F)
        position += head & 0x3FF
    need(channels == sorted(set(channels)), "channel journals are not in ascending order")
    need(position == len(journal), f"journal of {len(journal)} octets says that it has {position}")


def decode_packet(data):
    need(len(data) >= 13, "shorter than an RTP header and a command header")
    first, second, sequence, timestamp, ssrc = struct.unpack_from(">BBHII", data)
    need(first == 0x80, f"RTP octet 0 is {first:02x}: version, padding, extension or CSRC count")
    need(second & 0x7F == PAYLOAD_TYPE, f"payload type {second & 0x7f}")
    header, position = data[12], 13
    length = header & 0x0F
    if header & 0x80:
        need(len(data) > 13, "long command header is cut off")
        length, position = length << 8 | data[13], 14
    need(position + length <= len(data), "list is longer than the packet")
    commands = decode_list(data[position:position + length], bool(header & 0x20))
    journal = data[position + length:]
    need(bool(journal) == bool(header & 0x40), "journal without J, or J without a journal")
    if journal:
        check_journal(journal)
    return Packet(sequence, timestamp, ssrc, commands, journal)


def encode_packet(packet):
    section = encode_list(packet.commands)
    flags = 0x40 if packet.journal else 0
    if len(section) > 15:
        head = struct.pack(">H", 0x8000 | flags << 8 | len(section))
    else:
        head = bytes([flags | len(section)])
    return struct.pack(">BBHII", 0x80, PAYLOAD_TYPE, packet.sequence & 0xFFFF, packet.timestamp & 0xFFFFFFFF,
                       packet.ssrc) + head + section + packet.journal


# --- the peer ----------------------------------------------------------------------------------------------------


class Partner:
    """The other end of one session."""

    def __init__(self, token, ssrc=None, name="", control=None, data=None):
        self.token, self.ssrc, self.name, self.control, self.data = token, ssrc, name, control, data
        self.exchanges = 0           # clock exchanges completed, in either role
        self.offset = None           # its clock minus ours, in ticks
        self.sequence = int.from_bytes(os.urandom(2), "big")
        self.highest = None          # sequence number of the last packet from it
        self.lost = 0
        self.acknowledged = None     # from its last RS
        self.feedback_due = False    # an RS to it is planned
        self.left = False
        self.sysex = None            # what has arrived of a SysEx in segments


class Peer:
    """One participant on a port pair. invite() or wait to be invited; run() does the rest."""

    def __init__(self, name, host="127.0.0.1"):
        self.name, self.ssrc = name, int.from_bytes(os.urandom(4), "big")
        self.control, self.data = bind_pair(host)
        self.partners = {}           # by SSRC
        self.departed = set()        # SSRCs that said BY
        self.inviting = None         # the partner that has not answered OK twice yet
        self.refused = False
        self.received = []           # (when by its sender in ticks, message), SysEx whole
        self.datagrams = []
        self.due = []                # (monotonic time, function)

    def close(self):
        self.control.close()
        self.data.close()

    # what a test asks for

    def invite(self, host, port):
        """Invites the session on this control port, every second until it answers."""
        family = self.control.family
        address = socket.getaddrinfo(host, port, family, socket.SOCK_DGRAM)[0][4]
        self.inviting = Partner(int.from_bytes(os.urandom(4), "big"), control=address)
        self._invite_again(self.inviting)

    def play(self, *commands):
        """Sends one packet to every partner: messages for now, or (ticks from now, message) pairs."""
        commands = [command if isinstance(command, tuple) else (0, command) for command in commands]
        for partner in self.partners.values():
            partner.sequence += 1
            self._send(self.data, partner.data, encode_packet(
                Packet(partner.sequence, now(), self.ssrc, commands, b"")))

    def leave(self):
        for partner in self.partners.values():
            for sock, address in ((self.control, partner.control), (self.data, partner.data)):
                self._send(sock, address, struct.pack(">2s2sIII", b"\xff\xff", b"BY", 2, partner.token, self.ssrc))
        self.partners.clear()

    def synchronised(self, exchanges=1):
        return bool(self.partners) and all(p.exchanges >= exchanges for p in self.partners.values())

    def messages(self):
        return [message for _, message in self.received]

    # what happens by itself

    def _send(self, sock, address, data):
        self.datagrams.append(Datagram(time.time(), sock.getsockname(), address, data))
        sock.sendto(data, address)

    def _later(self, seconds, action):
        self.due.append((time.monotonic() + seconds, action))

    def _invitation(self, letters, token):
        return struct.pack(">2s2sIII", b"\xff\xff", letters, 2, token, self.ssrc) + self.name.encode() + b"\0"

    def _invite_again(self, partner):
        if partner is self.inviting:
            sock, address = (self.control, partner.control) if partner.ssrc is None else (self.data, partner.data)
            self._send(sock, address, self._invitation(b"IN", partner.token))
            self._later(1.0, lambda: self._invite_again(partner))

    def _clock(self, partner, count, *times):
        times = (*times, 0, 0, 0)[:3]
        self._send(self.data, partner.data, struct.pack(">2s2sIB3xQQQ", b"\xff\xff", b"CK", self.ssrc, count, *times))

    def _clock_burst(self, partner, left):
        if not partner.left:
            self._clock(partner, 0, now())
            self._later(0.1 if left > 1 else 10, lambda: self._clock_burst(partner, max(1, left - 1)))

    def _feed_back(self, partner):
        partner.feedback_due = False
        self._send(self.control, partner.control,
                   struct.pack(">2s2sIHH", b"\xff\xff", b"RS", self.ssrc, partner.highest, 0))

    def on_datagram(self, sock, data, address):
        self.datagrams.append(Datagram(time.time(), address, sock.getsockname(), data))
        if data[:2] == b"\xff\xff":
            letters = data[2:4]
            need(letters in COMMANDS and len(data) >= COMMANDS[letters], f"command {data[:4].hex()}, {len(data)} octets")
            getattr(self, f"_on_{letters.decode()}")(sock, data, address)
        else:
            self._on_packet(sock, data, address)

    def _on_IN(self, sock, data, address):
        token, ssrc, name = invitation(data)
        if sock is self.control:
            self.partners.setdefault(ssrc, Partner(token, ssrc, name, control=address))
        elif ssrc in self.partners:
            self.partners[ssrc].data = address
        self._send(sock, address, self._invitation(b"OK", token))

    def _on_OK(self, sock, data, address):
        token, ssrc, name = invitation(data)
        partner = self.inviting
        if partner is None:
            return
        need(token == partner.token, "OK with a token that is not ours")
        if sock is self.control and partner.ssrc is None:
            partner.ssrc, partner.name = ssrc, name
            partner.data = (address[0], address[1] + 1, *address[2:])
            self._invite_again(partner)
        elif sock is self.data:
            need(ssrc == partner.ssrc, "OK on the data port with another SSRC")
            self.inviting, self.partners[ssrc] = None, partner
            self._clock_burst(partner, 8)

    def _on_NO(self, _sock, data, _address):
        if self.inviting and invitation(data)[0] == self.inviting.token:
            self.inviting, self.refused = None, True

    def _on_BY(self, _sock, data, _address):
        token, ssrc, _ = invitation(data)
        # The half on the other socket may come after the invitation to the session that follows.
        if ssrc in self.partners and token in (0, self.partners[ssrc].token):
            self.partners.pop(ssrc).left = True
            self.departed.add(ssrc)

    def _on_CK(self, _sock, data, _address):
        ssrc, count, *times = struct.unpack_from(">IBxxxQQQ", data, 4)
        partner = self.partners.get(ssrc)
        if partner is None:
            return
        need(count <= 2, f"CK count {count}")
        if count == 0:
            self._clock(partner, 1, times[0], now())
        elif count == 1:
            arrived = now()
            need(times[0] <= arrived, "CK1 answers a CK0 of the future")
            partner.offset = times[1] - (times[0] + arrived) // 2
            partner.exchanges += 1
            self._clock(partner, 2, times[0], times[1], arrived)
        else:
            need(times[1] <= now(), "CK2 answers a CK1 of the future")
            partner.exchanges += 1

    def _on_RS(self, _sock, data, _address):
        ssrc, sequence = struct.unpack_from(">IH", data, 4)
        if ssrc in self.partners:
            self.partners[ssrc].acknowledged = sequence

    def _on_RL(self, *_):
        pass

    def _on_packet(self, sock, data, _address):
        need(sock is self.data, "RTP on the control port")
        packet = decode_packet(data)
        partner = self.partners.get(packet.ssrc)
        if packet.ssrc in self.departed:
            return                   # sent before its BY, which came by the other socket
        need(partner is not None, f"RTP from SSRC {packet.ssrc:08x}, which is in no session")
        if partner.highest is not None:
            step = (packet.sequence - partner.highest) & 0xFFFF
            need(0 < step < 0x8000, f"sequence number {packet.sequence} after {partner.highest}")
            partner.lost += step - 1
        partner.highest = packet.sequence
        if not partner.feedback_due:
            partner.feedback_due = True
            self._later(0.2, lambda: self._feed_back(partner))
        for ticks, message in packet.commands:
            whole = join_sysex(partner, message)
            if whole:
                self.received.append(((packet.timestamp + ticks) & 0xFFFFFFFF, whole))


def join_sysex(partner, message):
    """The message if it is whole, or the SysEx that its last segment completes; None in between."""
    if message[0] not in (0xF0, 0xF7):
        need(partner.sysex is None or message[0] >= 0xF8, "a command between the segments of a SysEx")
        return message
    need((message[0] == 0xF7) == (partner.sysex is not None), "SysEx segment out of order")
    partner.sysex = (partner.sysex or b"\xf0") + message[1:-1]
    if message[-1] == 0xF0:
        return None
    whole, partner.sysex = partner.sysex, None
    return whole + b"\xf7" if message[-1] == 0xF7 else None


def invitation(data):
    """Token, SSRC and name of an IN, OK, NO or BY."""
    version, token, ssrc = struct.unpack_from(">III", data, 4)
    need(version == 2, f"protocol version {version}")
    return token, ssrc, data[16:].split(b"\0")[0].decode()


def now():
    return time.monotonic_ns() // 100_000


def bind_pair(host):
    """Two UDP sockets on an even port and the next."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        control, data = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_DGRAM)
        try:
            control.bind((host, 0))
            port = control.getsockname()[1]
            if port % 2 == 0:
                data.bind((host, port + 1))
                return control, data
        except OSError:
            pass
        control.close()
        data.close()


def run(peers, until, seconds, what=""):
    """Serves these peers until the condition holds; TimeoutError if it does not within that time."""
    end = time.monotonic() + seconds
    sockets = {sock: peer for peer in peers for sock in (peer.control, peer.data)}
    while not until():
        at = time.monotonic()
        if at > end:
            raise TimeoutError(f"not within {seconds} s: {what}")
        for peer in peers:
            ready = [entry for entry in peer.due if entry[0] <= at]
            peer.due = [entry for entry in peer.due if entry[0] > at]
            for _, action in ready:
                action()
        for sock in select.select(list(sockets), [], [], 0.01)[0]:
            sockets[sock].on_datagram(sock, *sock.recvfrom(65536))


def write_pcap(path, datagrams):
    """Writes datagrams as raw IP packets, readable by tshark; no privileges are needed."""
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
        for at, source, target, data in datagrams:
            udp = struct.pack(">HHHH", source[1], target[1], 8 + len(data), 0) + data
            addresses = [ipaddress.ip_address(address[0].split("%")[0]) for address in (source, target)]
            packed = addresses[0].packed + addresses[1].packed
            if addresses[0].version == 4:
                head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0)
            else:
                head = struct.pack(">IHBB", 6 << 28, len(udp), 17, 64)
            packet = head + packed + udp
            out.write(struct.pack("<IIII", int(at), int(at % 1 * 1e6), len(packet), len(packet)) + packet)
