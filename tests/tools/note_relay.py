#!/usr/bin/python3
"""Plays notes to a hub, or writes down which notes a hub plays; over its TCP port, for ever.

    note_relay.py play HOST PORT        a note on and its note off, twenty a second
    note_relay.py hear HOST PORT        a line for each message that arrives: milliseconds, octets

A connection that is lost, or refused, is tried again at once and for ever.
"""
import socket
import sys
import time


def play(link):
    for count in range(1 << 62):
        note = 48 + count // 2 % 24
        link.sendall(bytes([0x80 if count % 2 else 0x90, note, 100]))
        time.sleep(0.05)


def hear(link):
    while data := link.recv(4096):
        print(int(time.time() * 1000), data.hex(), flush=True)


def main():
    task, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    while True:
        try:
            with socket.create_connection((host, port), 1) as link:
                link.settimeout(None)
                {"play": play, "hear": hear}[task](link)
        except OSError:
            pass
        time.sleep(0.02)


main()
