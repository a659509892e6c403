#!/usr/bin/python3
"""Announces many services over mDNS and makes a part of them vanish and return every second.

    mdns_flapper.py ADDRESS SERVICES FLAPPING SECONDS

Writes DNS packets itself (RFC 6762), so that nothing under test announces to itself. ADDRESS is this
host's, and the source; ten services share a host name. Prints READY once all have been announced.
"""
import socket
import struct
import sys
import time

TYPE = b"\x0b_apple-midi\x04_udp\x05local\x00"
IN, FLUSH = 0x0001, 0x8001
PTR, TXT, SRV, A = 12, 16, 33, 1


def label(text):
    raw = text.encode()
    return bytes([len(raw)]) + raw


def record(name, kind, cls, ttl, data):
    return name + struct.pack(">HHIH", kind, cls, ttl, len(data)) + data


def service(index, present):
    """The records of one service, or their goodbye."""
    name = label("Flap %03d" % index) + TYPE
    host = label("flapper-%02d" % (index // 10)) + b"\x05local\x00"
    address = bytes([10, 9, index // 10 // 200, 1 + index // 10 % 200])
    ttl = 120 if present else 0
    records = [
        record(TYPE, PTR, IN, 4500 if present else 0, name),
        record(name, SRV, FLUSH, ttl, struct.pack(">HHH", 0, 0, 5004 + index * 2) + host),
        record(name, TXT, FLUSH, ttl, b"\x00"),
    ]
    if present:  # the host stays: other services are on it
        records.append(record(host, A, FLUSH, ttl, address))
    return records


def send(out, indices, present):
    records = []
    for index in indices:
        records += service(index, present)
    while records:
        packet, count = b"", 0
        while records and len(packet) + len(records[0]) < 1400:
            packet += records.pop(0)
            count += 1
        out.sendto(struct.pack(">HHHHHH", 0, 0x8400, 0, count, 0, 0) + packet, ("224.0.0.251", 5353))
        time.sleep(0.001)


def main():
    address, services, flapping, seconds = sys.argv[1], *map(int, sys.argv[2:5])
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    out.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    out.bind((address, 5353))
    out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
    out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
    batches = [range(start, min(start + flapping, services)) for start in range(0, services, flapping)]
    for _ in range(2):
        send(out, range(services), True)
    print("READY", flush=True)
    begin = time.monotonic()
    for second in range(seconds):
        time.sleep(max(0, begin + second + 1 - time.monotonic()))
        # receivers keep a withdrawn record for a second (RFC 6762 section 10.1): two are a real loss
        send(out, batches[second % len(batches)], False)
        if second >= 2:
            send(out, batches[(second - 2) % len(batches)], True)
    print("DONE", flush=True)


main()
