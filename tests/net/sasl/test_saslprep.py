"""SASLprep by the examples of RFC 4013 §3, and on anything."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.net.sasl.saslprep import BadText, prepare_password, saslprep


class Examples(SynchronousTestCase):
    def test_of_the_rfc(self) -> None:
        for text, prepared in (
            ("I\u00adX", "IX"),
            ("user", "user"),
            ("USER", "USER"),
            ("\u00aa", "a"),
            ("\u2168", "IX"),
        ):
            self.assertEqual(saslprep(text), prepared)

    def test_prohibited(self) -> None:
        for text in ("\x07", "a\0", "\u06271", "\ue000", "a\u200e", "\u0627x\u0627"):
            self.assertRaises(BadText, saslprep, text)

    def test_spaces_are_one_space(self) -> None:
        self.assertEqual(saslprep("pass\u00a0word"), "pass word")

    def test_a_password_without_a_form_stands_for_itself(self) -> None:
        self.assertEqual(prepare_password("bell\x07"), "bell\x07")
        self.assertEqual(prepare_password("\u2168"), "IX")

    def test_new_characters_pass(self) -> None:
        self.assertEqual(saslprep("\U0001f600"), "\U0001f600")

    @settings(deadline=None)
    @given(st.text())
    def test_anything(self, text: str) -> None:
        self.assertIsInstance(prepare_password(text), str)
