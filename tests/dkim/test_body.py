"""Canonical bodies: the rules, any cut, and dkimpy as a second opinion."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import Any

import dkim.canonicalization
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.dkim.body import BodyHash, BodyHashes, CanonicalBody, hash_body
from mailhost.dkim.canonical import Canonicalization
from mailhost.message.content import Content
from tests.dkim.messages import bodies

SIMPLE, RELAXED = Canonicalization.SIMPLE, Canonicalization.RELAXED


def canonical(form: Canonicalization, *blocks: bytes) -> bytes:
    """The canonical body."""
    body = CanonicalBody(form)
    pieces = [piece for block in blocks for piece in body.add(block)]
    return b"".join([*pieces, *body.finish()])


def cuts(octets: bytes, places: list[int]) -> list[bytes]:
    """The octets in blocks that end at these places."""
    ends = sorted(min(place, len(octets)) for place in places)
    return [octets[start:end] for start, end in pairwise([0, *ends, len(octets)])]


class Rules(SynchronousTestCase):
    def test_simple(self) -> None:
        for body, wanted in (
            (b"", b"\r\n"),
            (b"\r\n\r\n", b"\r\n"),
            (b"a", b"a\r\n"),
            (b" a \t\r\n\r\n \r\n\r\n\r\n", b" a \t\r\n\r\n \r\n"),
            (b"\r\n\r\na\r\n", b"\r\n\r\na\r\n"),
            (b"a\r", b"a\r\r\n"),
        ):
            self.assertEqual(canonical(SIMPLE, body), wanted)

    def test_relaxed(self) -> None:
        for body, wanted in (
            (b"", b""),
            (b"\r\n\r\n", b""),
            (b" \t\r\n\t\r\n", b""),
            (b" C \r\nD \t E\r\n\r\n\r\n", b" C\r\nD E\r\n"),  # RFC 6376 §3.4.5
            (b"a \t b\tc \t", b"a b c\r\n"),
            (b"\r\n\r\na\r\n \r\n", b"\r\n\r\na\r\n"),
            (b"a\n\r\n", b"a\n\r\n"),
            (b"a\r \r\n", b"a\r\r\n"),
        ):
            self.assertEqual(canonical(RELAXED, body), wanted)

    @given(bodies, st.lists(st.integers(0, 300), max_size=6), st.sampled_from([SIMPLE, RELAXED]))
    def test_any_cut_gives_the_same(
        self, body: bytes, places: list[int], form: Canonicalization
    ) -> None:
        self.assertEqual(canonical(form, *cuts(body, places)), canonical(form, body))
        self.assertEqual(canonical(form, *(bytes([each]) for each in body)), canonical(form, body))

    @given(bodies)
    def test_dkimpy_says_the_same(self, body: bytes) -> None:
        for form, other in (
            (SIMPLE, dkim.canonicalization.Simple),
            (RELAXED, dkim.canonicalization.Relaxed),
        ):
            wanted: Any = other.canonicalize_body(body)
            if not body.endswith(b"\r\n") and form is RELAXED:
                # no message arrives without a CRLF at its end; dkimpy keeps a blank there
                wanted = other.canonicalize_body(body + b"\r\n")
            self.assertEqual(canonical(form, body), wanted)


class Hashes(SynchronousTestCase):
    def test_several_forms_at_once(self) -> None:
        forms = [(SIMPLE, None), (RELAXED, None), (RELAXED, 3), (SIMPLE, 0), (SIMPLE, 99)]
        hashes = BodyHashes(forms)
        for block in (b"a  ", b"b \r", b"\n"):
            hashes.add(block)
        self.assertEqual(
            hashes.finish(),
            {
                (SIMPLE, None): digest(b"a  b \r\n"),
                (RELAXED, None): digest(b"a b\r\n"),
                (RELAXED, 3): digest(b"a b", more=True),
                (SIMPLE, 0): digest(b"", more=True),
                (SIMPLE, 99): digest(b"a  b \r\n", False),
            },
        )

    def test_the_body_of_a_message(self) -> None:
        for message, body in (
            (b"A: b\r\n\r\nbody\r\n", b"body\r\n"),
            (b"\r\nbody\r\n", b"body\r\n"),
            (b"A: b\r\n\r\n", b""),
            (b"A: b\r\n", b""),
        ):
            content = Content((message,))
            found = hash_body(content, content.header(), [(RELAXED, None)])
            self.assertEqual(found, {(RELAXED, None): digest(body)})

    def test_long_runs_do_not_take_long(self) -> None:
        """Each of these is slow where the rest of a block is kept and read again."""
        for body in (b" ", b"\r\n", b" \t", b" \r\n", b"\t\t\r\n"):
            hashes = BodyHashes([(RELAXED, None)])
            for _ in range(100):
                hashes.add(body * (10_000 // len(body)))
            self.assertEqual(hashes.finish(), {(RELAXED, None): digest(b"")})


def digest(octets: bytes, whole: bool = True, more: bool = False) -> BodyHash:
    """The hash of canonical octets."""
    return BodyHash(hashlib.sha256(octets).digest(), whole, more)
