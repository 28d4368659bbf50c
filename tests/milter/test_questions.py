"""Questions for a filter, made from a client and from the content of a message."""

from __future__ import annotations

from mailhost.message.client import Client
from mailhost.milter.verdict import (
    GO_ON,
)
from tests.milter.talk import MilterCase


class Shown(MilterCase):
    def test_fields(self) -> None:
        for content, wanted in (
            (b"A: 1\r\nB:2\r\nC:  3\r\nD:\t4\r\n\r\n", ["L|A|1", "L|B|2", "L|C| 3", "L|D|\\t4"]),
            (b"A: 1\r\n\t2\r\n 3\r\nB:\r\n\r\n", ["L|A|1\\n\\t2\\n 3", "L|B|"]),
            (b"A : 1\r\nno field\r\nB: 2\r\n\r\n", ["L|A|1", "L|B|2"]),
            (b"A: 1", ["L|A|1"]),
            (b"A: \xff\0\r\n\r\n", ["L|A|\\xff"]),
            (b"\r\n", []),
            (b"", []),
        ):
            with self.subTest(content):
                self.assertEqual([*wanted, "N", "E"], self.shown(content))

    def test_the_leading_space(self) -> None:
        shown = self.shown(b"A: 1\r\nB:2\r\n\r\n", "F: O|6|1ff|1f6080")
        self.assertEqual(["L|A| 1", "L|B|2", "N", "E"], shown)

    def test_bodies(self) -> None:
        for body, wanted in (
            (b"", []),
            (b"\r\n", ["B|\\r\\n"]),
            (b"\0\xff", ["B|\\x00\\xff"]),
            (b"x" * 65_536, ["B|" + "x" * 65_535, "B|x"]),
        ):
            with self.subTest(body[:10]):
                shown = self.shown(b"A: 1\r\n\r\n" + body)
                self.assertEqual(["L|A|1", "N", *wanted, "E"], shown)

    def test_a_field_that_fits_in_no_packet_is_cut(self) -> None:
        for name, value in ((b"A", b"x" * 70_000), (b"y" * 70_000, b"x")):
            shown = self.shown(name + b": " + value + b"\r\n\r\n")[0]
            self.assertLessEqual(len(shown) - 2, 65_534)
            self.assertIn("|" + "x" * min(len(value), 60_000), shown)

    def test_what_is_not_wanted(self) -> None:
        for protocol_flags, wanted in (
            ("f60a0", ["N", "B|x", "E"]),
            ("f60c0", ["L|A|1", "B|x", "E"]),
            ("f6090", ["L|A|1", "N", "E"]),
        ):
            with self.subTest(protocol_flags):
                shown = self.shown(b"A: 1\r\n\r\nx", f"F: O|6|1ff|{protocol_flags}")
                self.assertEqual(wanted, shown)


class Clients(MilterCase):
    def test_addresses(self) -> None:
        for client, name, sent in (
            (Client("192.0.2.1", 25), "far.example", "far.example|4|25|192.0.2.1"),
            (Client("::ffff:192.0.2.1", 25), "", "[192.0.2.1]|4|25|192.0.2.1"),
            (Client("2001:db8::1", 65535), "", "[2001:db8::1]|6|65535|2001:db8::1"),
            (Client("fe80::1%eth0", 9), "", "[fe80::1]|6|9|fe80::1"),
            (Client(""), "", "localhost|U"),
        ):
            with self.subTest(sent):
                self.setUp()
                self.open()
                begin = self.client.begin(client, {}, name)
                script = f"C: D|C\nC: C|{sent}\nF: c"
                self.assertEqual(GO_ON, self.successResultOf(self.play(begin, script)))
