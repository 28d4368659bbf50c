"""Patterns of LIST: what they match, and that none takes long."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.imap.list_patterns import Patterns

MATCHES = (
    ("*", "a/b", True),
    ("%", "a/b", False),
    ("%", "a", True),
    ("", "a", False),
    ("%/%", "a/b", True),
    ("%/%", "a/b/c", False),
    ("a*%c", "ab/c", True),
    ("a%b", "a/b", False),
    ("inbox", "INBOX", True),
    ("inbox/x", "INBOX/x", True),
    ("inboxes", "INBOXES", False),
    ("[a]", "[a]", True),
    ("[a]", "a", False),
    ("a\nb", "a\nb", True),
)


def by_regular_expression(pattern: str, name: str) -> bool:
    """The plain meaning, for short patterns."""
    parts = ({"*": "(?s:.*)", "%": "[^/]*"}.get(each, re.escape(each)) for each in pattern)
    return re.fullmatch("".join(parts), name) is not None


class ListPatterns(SynchronousTestCase):
    def test_matches(self) -> None:
        for pattern, name, expected in MATCHES:
            self.assertEqual(expected, Patterns([pattern]).match(name), (pattern, name))

    def test_several(self) -> None:
        patterns = Patterns(["a%", "b", "*x"])
        found = [name for name in ("a", "ab", "a/b", "b", "bb", "q/x") if patterns.match(name)]
        self.assertEqual(["a", "ab", "b", "q/x"], found)

    @given(
        st.lists(st.text("ab/*%", max_size=6), max_size=3),
        st.text("ab/", max_size=8),
    )
    def test_same_as_regular_expressions(self, patterns: list[str], name: str) -> None:
        expected = any(by_regular_expression(each, name) for each in patterns)
        self.assertEqual(expected, Patterns(patterns).match(name))

    def test_many_wildcards_do_not_take_long(self) -> None:
        """As a regular expression this takes years."""
        self.assertFalse(Patterns(["*a" * 100 + "*b"]).match("a" * 250))
        self.assertFalse(Patterns(["%a" * 100 + "%b"]).match("a" * 250))
