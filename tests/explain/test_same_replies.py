"""An explanation says what a real session then does, for any question, and changes nothing."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.explain.explaining import LIMIT, MOST_OF_FILTER, ExplainCase

SENDERS = (
    "<>",
    "ann@a.example",
    "team@also.example",
    "bob@a.example",
    "any@b.example",
    "kit@b.example",
    "sue@far.example",
    "sue@bad.example",
    "zoë@far.example",
)
RECIPIENTS = (
    "ann@a.example",
    "Ann+detail@also.example",
    "team@a.example",
    "a-loop@a.example",
    "nobody@a.example",
    "nobody@old.example",
    "bob@old.example",
    "jörg@a.example",
    "abuse@b.example",
    "any@b.example",
    "max@full.example",
    "sue@far.example",
    "x@[192.0.2.1]",
    "sue%far.example@a.example",
    '"@far.example:x"@a.example',
    "postmaster",
)
QUESTIONS = st.fixed_dictionaries(
    {
        "sender": st.sampled_from(SENDERS),
        "recipient": st.sampled_from(RECIPIENTS),
        "client": st.sampled_from(("", "192.0.2.7", "198.51.100.7", "2001:db8::7", "127.0.0.1")),
        "user": st.sampled_from(("", "", "ann@a.example", "kit@b.example", "gone@a.example")),
        "listener": st.sampled_from(("", "smtp", "submission", "27", "lmtp")),
        "size": st.sampled_from((0, 5, MOST_OF_FILTER + 1, LIMIT + 1)),
    }
)


class SameReplies(ExplainCase):
    """With and without filters of several kinds, some of which remember what they are asked."""

    @given(QUESTIONS, st.booleans())
    def test_explained_twice_then_done(self, question: dict[str, Any], filtered: bool) -> None:
        self.filtered = filtered
        self.make()
        first, second = self.explain(**question), self.explain(**question)
        self.assertEqual(first, second)
        self.assertEqual([], self.events.lines)
        self.assertEqual(({}, []), (dict(self.counts.filters), self.visited.calls))
        done = self.replies(**question)
        self.assertEqual(done, [each.reply for each in first.session])

    @given(QUESTIONS, st.booleans())
    def test_the_parts_fit_the_replies(self, question: dict[str, Any], filtered: bool) -> None:
        self.filtered = filtered
        self.make()
        found = self.explain(**question)
        replies = [each.reply for each in found.session]
        relayed = any(each.startswith("550 5.7.1 Not a domain") for each in replies)
        self.assertFalse(relayed and found.relay.allowed)
        if any(each.startswith("553 5.7.1 You may not send as") for each in replies):
            self.assertFalse(found.sender.allowed)
        if replies[-1].startswith("250") and len(replies) == 4:
            self.assertTrue(found.sender.allowed)
            self.assertEqual("", found.way.result)
