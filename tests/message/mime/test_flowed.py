"""Flowed text: wrapped, stuffed, and the same when a mail program joins its lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.mime.flowed import flow

words = st.text(st.sampled_from("ab>"), min_size=1, max_size=30)
paragraphs = st.lists(words, max_size=40).map(" ".join)


def joined(lines: list[str], delete_space: bool) -> str:
    """The paragraph that a mail program shows for the lines (RFC 3676 §4)."""
    plain = [line.removeprefix(" ") for line in lines]
    return "".join([*(line[:-1] if delete_space else line for line in plain[:-1]), plain[-1]])


class FlowTests(SynchronousTestCase):
    def test_short_lines_are_fixed(self) -> None:
        self.assertEqual(list(flow(["Hi", "", "you  "])), ["Hi", "", "you"])

    def test_a_long_line_is_wrapped(self) -> None:
        line = "word " * 20
        self.assertEqual(list(flow([line])), ["word " * 14, ("word " * 6).rstrip()])
        self.assertEqual(next(flow([line], delete_space=True)), "word " * 14 + " ")

    def test_lines_that_could_be_read_as_something_else_are_stuffed(self) -> None:
        lines = list(flow(["> x", " y", "From z", "-- "]))
        self.assertEqual(lines, [" > x", "  y", " From z", "-- "])

    @given(paragraphs, st.booleans())
    def test_any_paragraph_is_shown_as_it_was(self, text: str, delete_space: bool) -> None:
        self.assertEqual(joined(list(flow([text], delete_space)), delete_space), text)
