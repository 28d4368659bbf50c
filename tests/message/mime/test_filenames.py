"""The names that programs make of the name of an attachment."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.mime.filenames import readings


class ReadingTests(SynchronousTestCase):
    def test_a_plain_name_has_one_reading(self) -> None:
        for name in ("a.exe", "Holiday (2) +1.jpg", "x"):
            self.assertEqual(list(readings(name)), [name])

    def test_names_that_programs_change(self) -> None:
        for name in (
            "a.exe.",
            "a.exe . .",
            "a.exe::$DATA",
            "a.exe:b.txt",
            "x:a.exe",
            "a.exe\0.txt",
            "a.e\u200bxe",
            "a.\u202eexe",
            "a.\uff45xe",
            "dir\\a.exe/",
            '"a.exe"',
        ):
            self.assertIn("a.exe", list(readings(name)), ascii(name))

    def test_other_names_do_not_become_it(self) -> None:
        for name in ("a.exe.txt", "a.exe_", "b.a.exe", "a.exe b"):
            self.assertNotIn("a.exe", list(readings(name)), name)

    @given(st.text())
    def test_any_name(self, name: str) -> None:
        self.assertEqual(next(readings(name)), name)
