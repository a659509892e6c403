#!/usr/bin/env python3
"""Peers of npm's rtpmidi and of applemidi.py: with each other, which shows that they are sound, and through the hub.

Usage: rtpmidi_test.py NODE TUTTI [unittest's options, such as WithoutAHub]. Traffic stays on loopback.
"""
import sys
import unittest

from applemidi import Peer, run
from processes import Hub, NodePeer, has_ipv6

NODE, TUTTI = sys.argv[1:3]

# Lines for a peer to play, each a packet, with every kind of message that the package can send and read.
PERFORMANCE = [
    "903c40",
    "913e7f a13e20 d130 e10145",
    "b04064 b0070a b00a40 c005",
    "f07e7f0601f7",
    "f8 fa 903d01",
    "f123",
    "f20102",
    "f305",
    "f6 903e40",
    "803c00 903d00 813e40",
]


def messages(lines):
    return [message for line in lines for message in line.split()]


class Case(unittest.TestCase):
    def started(self, process):
        self.addCleanup(process.end)
        return process

    def node(self, name, *options):
        return self.started(NodePeer(NODE, name, *options))

    def hub(self, session, *options):
        return self.started(Hub(TUTTI, session, *options))

    def python(self, name, *host):
        peer = Peer(name, *host)
        self.addCleanup(peer.close)
        return peer

    def everyone_plays(self, peers):
        """One after another; each must be heard by all the others, in order, and not by itself."""
        heard = {peer: [] for peer in peers}
        for player in peers:
            for line in PERFORMANCE:
                player.say(line)
            for peer in peers:
                if peer is not player:
                    heard[peer] += messages(PERFORMANCE)
                peer.wait_for_midi(heard[peer])


class WithoutAHub(Case):
    def test_two_node_peers_hear_each_other(self):
        server = self.node("Server")
        client = self.node("Client", "--join", f"127.0.0.1:{server.port}")
        client.wait_for("synchronised Server", 6)
        server.wait_for("synchronised Client", 1)
        self.everyone_plays([server, client])

    def test_a_python_peer_invites_a_node_peer(self):
        server, client = self.node("Node"), self.python("Python")
        client.invite("127.0.0.1", server.port)
        run([client], lambda: client.synchronised(3), 3, "CK exchanges")
        server.wait_for("synchronised Python", 1)
        client.play(*(bytes.fromhex(message) for message in messages(PERFORMANCE)))
        server.wait_for_midi(messages(PERFORMANCE))
        server.say("903c40 803c00")
        run([client], lambda: len(client.received) == 2, 2, "two messages from node")
        self.assertEqual(client.messages(), [bytes.fromhex("903c40"), bytes.fromhex("803c00")])
        run([client], lambda: client.partners[next(iter(client.partners))].acknowledged is not None, 3, "RS from node")
        client.leave()
        server.wait_for("disconnected Python", 1)

    def test_a_node_peer_invites_a_python_peer(self):
        self.node_invites_python(self.python("Python"), "127.0.0.1")

    @unittest.skipUnless(has_ipv6(), "this machine has no ::1")
    def test_a_node_peer_invites_a_python_peer_over_ipv6(self):
        self.node_invites_python(self.python("Python", "::1"), "[::1]", "--ipv6")

    def node_invites_python(self, server, host, *options):
        client = self.node("Node", "--join", f"{host}:{server.control.getsockname()[1]}", *options)
        run([server], lambda: server.synchronised(), 6, "an invitation and an exchange from node")
        client.wait_for("synchronised Python", 1)
        for line in PERFORMANCE:
            client.say(line)
        run([server], lambda: len(server.received) == len(messages(PERFORMANCE)), 2, "the performance")
        self.assertEqual([message.hex() for message in server.messages()], messages(PERFORMANCE))


class ThroughTheHub(Case):
    def test_two_clients_and_an_invited_server_hear_the_others_and_not_themselves(self):
        invited = self.node("Invited")
        hub = self.hub("Tutti under test", "--connect", f"127.0.0.1:{invited.port}")
        peers = [invited] + [self.node(name, "--join", f"127.0.0.1:{hub.port}") for name in ("Anna", "Ben")]
        for peer in peers:
            peer.wait_for("synchronised Tutti under test", 6)

        self.everyone_plays(peers)

    def test_a_peer_that_leaves_mid_note_leaves_none_sounding(self):
        hub = self.hub("Leaving")
        anna, ben = [self.node(name, "--join", f"127.0.0.1:{hub.port}") for name in ("Anna", "Ben")]
        for peer in (anna, ben):
            peer.wait_for("synchronised Leaving", 6)
        anna.say("903c40 904340 b0407f")
        ben.wait_for_midi(["903c40", "904340", "b0407f"])
        anna.child.stdin.close()
        ben.wait_until(lambda: len(ben.midi()) >= 6, 2, "the release of two notes and a pedal")
        released = ben.midi()[3:]
        self.assertIn("b04000", released)
        self.assertEqual({note[:4].replace("90", "80", 1) for note in released if note[0] in "89"}, {"803c", "8043"})

    def test_the_hub_says_goodbye_when_it_is_asked_to_end(self):
        invited = self.node("Invited")
        hub = self.hub("Ending", "--connect", f"127.0.0.1:{invited.port}")
        anna = self.node("Anna", "--join", f"127.0.0.1:{hub.port}")
        for peer in (invited, anna):
            peer.wait_for("synchronised Ending", 6)
        code, seconds = hub.stop()
        self.assertEqual(code, 0)
        self.assertLess(seconds, 1)
        for peer in (invited, anna):
            peer.wait_for("disconnected Ending", 1)

    @unittest.skipUnless(has_ipv6(), "this machine has no ::1")
    def test_a_client_on_ipv6_and_one_on_ipv4_hear_each_other(self):
        hub = self.hub("Both families")
        six = self.node("Six", "--ipv6", "--join", f"[::1]:{hub.port}")
        four = self.node("Four", "--join", f"127.0.0.1:{hub.port}")
        for peer in (six, four):
            peer.wait_for("synchronised Both families", 6)
        six.say("903c40")
        four.wait_for_midi(["903c40"])
        four.say("903e40")
        six.wait_for_midi(["903e40"])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
