"""File names: ours, those of other tools, and those that are no messages."""

from __future__ import annotations

import os
import random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.store.maildir.filename import arrival, by_arrival, new_name, parse_name, unique_id

UNIQUE = "1700000000.M250000P7Q1.mx.a.example"
NAMES: dict[str, tuple[str, int | None, int | None, str]] = {
    # ours
    f"{UNIQUE},S=14,W=14": (UNIQUE, 14, 14, ""),
    f"{UNIQUE},S=14,W=14:2,": (UNIQUE, 14, 14, ""),
    f"{UNIQUE},S=14,W=14:2,FRS": (UNIQUE, 14, 14, "FRS"),
    # Dovecot's, with keywords as small letters
    "1204680122.27c448M20P1.host,S=864,W=887:2,RSab": (
        "1204680122.27c448M20P1.host",
        864,
        887,
        "RSab",
    ),
    # Courier's
    "1204680122.M1P2V3I4.host,S=864": ("1204680122.M1P2V3I4.host", 864, None, ""),
    # the plain ones of qmail, mutt, and whoever copied a file there
    "1204680122.27448.host": ("1204680122.27448.host", None, None, ""),
    "1204680122.R1.host:2,S": ("1204680122.R1.host", None, None, "S"),
    "letter.eml": ("letter.eml", None, None, ""),
    # odd ones
    "a,W=5,S=4": ("a", 4, 5, ""),
    "a,FOO=1,S=4,BAR": ("a", 4, None, ""),
    "a,XS=4,SW=5": ("a", None, None, ""),
    "a,S=,W=x": ("a", None, None, ""),
    "a,S=-4,W=+5": ("a", None, None, ""),
    "a,S=٤": ("a", None, None, ""),
    "a,S=1234567890123456789": ("a", None, None, ""),
    "a,S=4\n": ("a", None, None, ""),
    "a:2,S,S=4,W=5": ("a", None, None, "S"),
    "a:1,experimental": ("a", None, None, ""),
    "a:2": ("a", None, None, ""),
    "a:2,F!S": ("a", None, None, "F"),
    "a b\n": ("a b\n", None, None, ""),
}


class NameTests(SynchronousTestCase):
    def test_names(self) -> None:
        for text, expected in NAMES.items():
            name = parse_name(text)
            assert name is not None, text
            parts = (name.unique, name.size, name.wire_size, name.flags)
            self.assertEqual(parts, expected, text)

    def test_no_messages(self) -> None:
        for text in ("", ".", "..", ".nfs0001", ".hidden:2,S", ",S=4", ":2,S", ":"):
            self.assertIsNone(parse_name(text), text)

    @given(st.text())
    def test_any_name(self, text: str) -> None:
        name = parse_name(text)
        if name is not None:
            self.assertTrue(text.startswith(name.unique))
            self.assertTrue(name.flags == "" or f":2,{name.flags}" in text)

    @given(st.text(min_size=1, max_size=40), st.integers(0, 10**15))
    def test_what_we_write_we_read(self, host: str, size: int) -> None:
        new = new_name(host, 1_700_000_000.25, size)
        unique, *_ = new.split(",")
        for flags in ("", ":2,", ":2,S"):
            name = parse_name(new + flags)
            assert name is not None
            self.assertEqual((name.unique, name.size, name.wire_size), (unique, size, size))

    def test_new_names(self) -> None:
        names = {new_name("mx.a.example", 1_700_000_000.25, 7) for _ in range(1000)}
        self.assertEqual(len(names), 1000)
        for name in names:
            self.assertRegex(name, r"\A1700000000\.M250000P\d+Q\d+\.mx\.a\.example,S=7,W=7\Z")
        escaped = new_name("a/b:c,d", 0.0, 7)
        self.assertTrue(escaped.endswith(".a\\057b\\072c\\054d,S=7,W=7"))


class UniqueIdTests(SynchronousTestCase):
    def test_a_good_one_stays(self) -> None:
        for unique in (UNIQUE, "x", "~" * 70):
            self.assertEqual(unique_id(unique), unique)

    def test_a_bad_one_is_hashed(self) -> None:
        bad = ["~" * 71, "a b", "ä", "a\n", "\udcff", ""]
        ids = {unique_id(unique) for unique in bad}
        self.assertEqual(len(ids), len(bad))
        for unique in ids:
            self.assertRegex(unique, r"^[0-9a-f]{40}$")

    @given(st.binary(max_size=100).map(os.fsdecode))
    def test_any(self, unique: str) -> None:
        self.assertRegex(unique_id(unique), r"\A[\x21-\x7e]{1,70}\Z")
        self.assertEqual(unique_id(unique), unique_id(unique))


class ArrivalTests(SynchronousTestCase):
    def test_by_time_then_by_name(self) -> None:
        ordered = [
            "a",
            "letter.eml",
            "999.R1.host",
            "1700000000.27448.host",
            "1700000000.M9P1.host",
            "1700000000.M250000P1.host",
            "1700000000.M250000P2.host",
            "1700000001.M1P1.host",
            "17000000000.M1P1.host",
        ]
        mixed = list(ordered)
        random.Random(1).shuffle(mixed)
        self.assertEqual(sorted(mixed, key=arrival), ordered)
        self.assertEqual(by_arrival(mixed), ordered)
