"""Relations between domain names."""

from __future__ import annotations

from unittest import TestCase

from mailhost.message.domains import fits, is_at_or_below, names_above


class Domains(TestCase):
    def test_at_or_below(self) -> None:
        for name, found in (("a.org", True), ("x.a.org", True), ("xa.org", False), ("org", False)):
            self.assertIs(is_at_or_below(name, "a.org"), found, name)

    def test_names_above(self) -> None:
        self.assertEqual(["a.org", "org"], list(names_above("x.a.org")))
        self.assertEqual([], list(names_above("org")))
        self.assertEqual([], list(names_above("")))

    def test_patterns(self) -> None:
        for pattern, fitting in (
            ("*", ["a.org", "x.a.org", "xa.org", ""]),
            ("*.a.org", ["x.a.org"]),
            ("a.org", ["a.org"]),
        ):
            names = ["a.org", "x.a.org", "xa.org", ""]
            self.assertEqual(fitting, [each for each in names if fits(pattern, each)])
