"""The letters in the names of message files."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.store.maildir.flags import (
    FLAGS,
    OURS,
    base_of,
    letter_of,
    letters_of,
    with_letters,
)


class FlagsTests(SynchronousTestCase):
    def test_letters_of_names(self) -> None:
        names = {
            "a:2,FS": "FS",
            "a:2,": "",
            "a": "",
            "a:": "",
            "a:1,x": "",
            "a:2,DPSab": "DPSab",
            "a:2,S,extra": "S",
            "a:2,S:2,T": "T",  # Dovecot looks behind the last colon
        }
        for name, letters in names.items():
            self.assertEqual(letters_of(name), letters, name)
            self.assertEqual(base_of(name), "a")

    def test_letters_are_sorted_and_those_of_others_stay(self) -> None:
        names = {
            ("a", "S"): "a:2,S",
            ("a:2,", ""): "a:2,",
            ("a:2,FS", "TaD"): "a:2,DTa",
            ("a:2,PSX", "F"): "a:2,FPX",
            ("a:2,Sab", "b"): "a:2,b",
            ("a:2,S,x:y", "F"): "a:2,F",
            ("a:2,S,xS", "F"): "a:2,F,xS",
            ("a:1,x", "S"): "a:2,S",
        }
        for (name, letters), expected in names.items():
            self.assertEqual(with_letters(name, letters), expected, name)

    def test_system_flags(self) -> None:
        self.assertEqual(letter_of("\\ANSWERED"), "R")
        self.assertIsNone(letter_of("Answered"))
        self.assertEqual(
            [FLAGS[letter] for letter in "DFPRSTa" if letter in FLAGS],
            ["\\Draft", "\\Flagged", "\\Answered", "\\Seen", "\\Deleted"],
        )

    @given(st.text(), st.text(st.sampled_from(sorted(OURS))))
    def test_any_name(self, name: str, letters: str) -> None:
        after = with_letters(name, letters)
        self.assertEqual(base_of(after), base_of(name))
        self.assertEqual(set(letters_of(after)) & OURS, set(letters))
        self.assertEqual(set(letters_of(after)) - OURS, set(letters_of(name)) - OURS)
        self.assertEqual(with_letters(after, letters), after)
