"""The metrics, read by Prometheus' own Python parser (Debian's python3-prometheus-client)."""
import unittest

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_prometheus

import api
from api import Band, Hub, wait

OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0,text/plain;q=0.5"}


class Metrics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.hub, cls.band = Hub(session='Bühne "1"\\'), Band()
        cls.anna, cls.ben = (cls.band.join(name, cls.hub.port) for name in ("Anna\\'s \"iPad\"", "Ben"))
        before = len(cls.ben.received)
        for i in range(10):
            cls.anna.play(b"\x90\x3c\x64", b"\x90\x3c\x00")
        cls.anna.data.sendto(b"\x80\x61" + bytes(3), cls.ben.partners[next(iter(cls.ben.partners))].data)
        wait(lambda: len(cls.ben.received) - before == 20, what="MIDI")

    @classmethod
    def tearDownClass(cls):
        cls.hub.end()
        cls.band.end()

    def samples(self, headers, parse):
        answer = self.hub.ask("GET", "/metrics", headers=headers)
        self.assertEqual(answer.status, 200)
        families = list(parse(answer.body.decode()))
        return answer, families, {(sample.name, frozenset(sample.labels.items())): sample.value
                                  for family in families for sample in family.samples}

    def test_both_formats_are_read_by_their_parsers(self):
        for headers, parse, kind in (({}, parse_prometheus, "text/plain; version=0.0.4; charset=utf-8"),
                                     (OPENMETRICS, parse_openmetrics,
                                      "application/openmetrics-text; version=1.0.0; charset=utf-8")):
            answer, families, samples = self.samples(headers, parse)
            self.assertEqual(answer.headers["Content-Type"], kind)
            self.assertGreater(len(samples), 100)
            for family in families:
                self.assertTrue(family.documentation, family.name)
                self.assertNotEqual(family.type, "unknown", family.name)

    def test_openmetrics_ends_with_its_mark(self):
        self.assertTrue(self.hub.ask("GET", "/metrics", headers=OPENMETRICS).body.endswith(b"\n# EOF\n"))

    def test_they_count_what_happened(self):
        _, _, samples = self.samples(OPENMETRICS, parse_openmetrics)

        def value(name, **labels):
            found = [number for (known, on), number in samples.items()
                     if known == name and set(labels.items()) <= on]
            self.assertEqual(len(found), 1, (name, labels, found))
            return found[0]

        session = 'Bühne "1"\\'
        anna = "Anna\\'s \"iPad\""
        self.assertEqual(value("tutti_peer_events_in_total", session=session, peer=anna), 20)
        self.assertEqual(value("tutti_peer_events_out_total", peer="Ben"), 20)
        self.assertEqual(value("tutti_peer_connected", peer="Ben"), 1)
        self.assertEqual(value("tutti_port_events_in_total", port=f"rtp/{session}/{anna}"), 20)
        self.assertEqual(value("tutti_port_events_out_total", port=f"rtp/{session}/Ben"), 20)
        self.assertEqual(value("tutti_peer_decode_errors_total", peer=anna, reason="truncated"), 1)
        self.assertEqual(value("tutti_session_peers", session=session), 2)
        self.assertGreaterEqual(value("tutti_peer_round_trip_seconds_count", peer=anna), 1)
        self.assertGreaterEqual(value("tutti_transit_seconds_count", session=session), 1)
        self.assertGreater(value("tutti_loop_turns_total"), 10)
        self.assertGreater(value("process_resident_memory_bytes"), 1e6)
        self.assertEqual(value("tutti_peer_repaired_events_total", peer="Ben", chapter="N"), 0)

    def test_histograms_add_up(self):
        _, families, _ = self.samples(OPENMETRICS, parse_openmetrics)
        checked = 0
        for family in families:
            if family.type != "histogram":
                continue
            for count in (one for one in family.samples if one.name.endswith("_count")):
                buckets = [one.value for one in family.samples if one.name.endswith("_bucket") and
                           {key: value for key, value in one.labels.items() if key != "le"} == count.labels]
                self.assertEqual(buckets, sorted(buckets))
                self.assertEqual(buckets[-1], count.value)
                checked += 1
        self.assertGreaterEqual(checked, 4)


if __name__ == "__main__":
    api.main(__name__)
