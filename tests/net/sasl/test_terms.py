"""Text from the wire, and whether two spellings name one user."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.net.sasl.terms import LONGEST_RESPONSE, Malformed, decode_text, same_user


class SameUser(SynchronousTestCase):
    def test_spellings_of_one_address(self) -> None:
        for other in ("", "Ann@Example.COM", "\uff41nn@example.com", "ann@example.com"):
            self.assertTrue(same_user(other, "ann@example.com"), other)

    def test_others(self) -> None:
        for other in ("bob@example.com", "ann@example.net", "ann", "ann@example.com\u2028"):
            self.assertFalse(same_user(other, "ann@example.com"), other)

    def test_names_that_are_no_addresses(self) -> None:
        self.assertTrue(same_user("ann", "ann"))
        self.assertFalse(same_user("ann", "Ann"))
        self.assertTrue(same_user("a\u0007", "a\u0007"))  # SASLprep prohibits it


class Text(SynchronousTestCase):
    def test_limits(self) -> None:
        self.assertEqual(
            "\u00e4" * (LONGEST_RESPONSE // 2), decode_text(b"\xc3\xa4" * (LONGEST_RESPONSE // 2))
        )
        for octets in (b"x" * (LONGEST_RESPONSE + 1), b"\xff", b"a\0b"):
            self.assertRaises(Malformed, decode_text, octets)
