"""A search finds what a look at each message would find, and asks the store for little."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.concurrency.pauses import no_pause
from mailhost.imap.context import Context, ImapOptions
from mailhost.imap.grammar.search_keys import (
    All,
    And,
    ChangedFrom,
    Dated,
    DateOf,
    HasEmailId,
    HasFlag,
    HasThreadId,
    Larger,
    Not,
    Numbered,
    Older,
    Or,
    SearchKey,
    Smaller,
    WithUid,
    Younger,
)
from mailhost.imap.grammar.sequence_set import SAVED, STAR, SequenceSet
from mailhost.imap.searching.evaluation import Evaluation
from mailhost.imap.searching.masks import picked
from mailhost.imap.searching.progress import Progress
from mailhost.imap.searching.scope import Scope
from mailhost.interfaces.folders import Details, FolderView, IFolder, Matches, SummaryField
from mailhost.message.flags import flag_names
from mailhost.message.imap.content_keys import (
    AllOf,
    AnyOf,
    ContentKey,
    FieldContains,
    NoneOf,
    Sent,
    TextContains,
    When,
)
from tests.fakes import now

DAY = 86400
NOW = 5 * DAY
KEYWORDS = ("Work", "", "Late")
WORDS = ("red", "blue", "green")
MESSAGES = st.lists(
    st.tuples(
        st.integers(0, 255),  # flags
        st.integers(1, 9),  # size, MODSEQ
        st.integers(0, 6 * DAY),  # date
        st.lists(st.sampled_from(WORDS), max_size=2).map(" ".join),  # subject
        st.lists(st.sampled_from(WORDS), max_size=2).map(" ".join),  # body
    ),
    max_size=12,
)
SETS = st.lists(st.integers(1, 14) | st.just(STAR), min_size=1, max_size=3).map(
    lambda numbers: SequenceSet.of(*numbers)
) | st.just(SAVED)
DAYS = st.integers(1, 6).map(lambda day: date(1970, 1, day))
LEAVES = st.one_of(
    st.just(All()),
    st.sampled_from(["\\Seen", "\\answered", "work", "LATE", "none"]).map(HasFlag),
    st.sampled_from(WORDS).map(lambda word: FieldContains("Subject", word)),
    st.tuples(st.sampled_from(WORDS), st.booleans()).map(lambda pair: TextContains(*pair)),
    st.tuples(st.sampled_from(DateOf), st.sampled_from(When), DAYS).map(lambda x: Dated(*x)),
    st.integers(0, 9).map(Larger),
    st.integers(0, 9).map(Smaller),
    st.integers(1, 5 * DAY).map(Older),
    st.integers(1, 5 * DAY).map(Younger),
    SETS.map(Numbered),
    SETS.map(WithUid),
    st.integers(0, 9).map(ChangedFrom),
    st.integers(1, 30).map(lambda uid: HasEmailId(f"M{uid}")),
    st.sampled_from(WORDS).map(lambda word: HasThreadId(f"T{word}")),
)
KEYS: st.SearchStrategy[SearchKey] = st.recursive(
    cast("st.SearchStrategy[SearchKey]", LEAVES),
    lambda inside: st.one_of(
        inside.map(Not),
        st.tuples(inside, inside).map(lambda pair: Or(*pair)),
        st.lists(inside, min_size=2, max_size=3).map(lambda keys: And(tuple(keys))),
    ),
    max_leaves=8,
)
Message = tuple[int, int, int, str, str]


class FakeFolder:
    """Messages by UID. It looks at two at once, and remembers for how many it was asked."""

    def __init__(self, messages: Mapping[int, Message]) -> None:
        self.messages = messages
        self.read = 0

    async def matching(self, uids: Sequence[int], key: ContentKey) -> Matches:
        some = uids[:2]
        self.read += len(some)
        return Matches(len(some), [uid for uid in some if holds(key, self.messages[uid])])

    async def details(self, uids: Sequence[int]) -> Mapping[int, Details]:
        return {uid: Details(f"M{uid}", self.messages[uid][2]) for uid in uids}

    async def summaries(
        self, uids: Sequence[int], fields: Sequence[SummaryField]
    ) -> Mapping[int, Sequence[Any]]:
        assert fields == (SummaryField.THREAD_ID,)
        return {uid: (f"T{self.messages[uid][3]}",) for uid in uids}


def holds(key: ContentKey, message: Message) -> bool:
    """Whether a message's content matches."""
    match key:
        case FieldContains(_, text):
            return text in message[3]
        case TextContains(text, headers):
            return text in message[4] or (headers and text in message[3])
        case Sent(when, day):
            return compared(when.value, message[2] // DAY, day)
        case AllOf(keys):
            return all(holds(each, message) for each in keys)
        case AnyOf(keys):
            return any(holds(each, message) for each in keys)
        case NoneOf(inside):
            return not holds(inside, message)
    raise AssertionError(key)


def compared(when: str, day: int, wanted: int) -> bool:
    if when == "BEFORE":
        return day < wanted
    return day == wanted if when == "ON" else day >= wanted


def naive(key: SearchKey, scope: Scope, place: int, message: Message) -> bool:
    """Whether one message matches, by the RFC and slowly."""
    flags, size, arrived, subject, body = message
    number, uid = scope.numbers[place], scope.view.uids[place]
    match key:
        case Not(inside):
            return not naive(inside, scope, place, message)
        case Or(left, right):
            return naive(left, scope, place, message) or naive(right, scope, place, message)
        case And(keys):
            return all(naive(each, scope, place, message) for each in keys)
        case All():
            return True
        case HasFlag(flag):
            return flag.lower() in [name.lower() for name in flag_names(flags, KEYWORDS)]
        case FieldContains(_, text):
            return text in subject
        case TextContains(text, headers):
            return text in body or (headers and text in subject)
        case Dated(_, when, day):
            return compared(when.value, arrived // DAY, day.toordinal() - 719163)
        case Larger(limit):
            return size > limit
        case Smaller(limit):
            return size < limit
        case Older(seconds):
            return arrived <= NOW - seconds
        case Younger(seconds):
            return arrived >= NOW - seconds
        case ChangedFrom(modseq):
            return size >= modseq
        case HasEmailId(email):
            return email == f"M{uid}"
        case HasThreadId(thread):
            return thread == f"T{subject}"
        case Numbered(wanted):
            return uid in scope.saved if wanted.saved else wanted.has(number, scope.known)
        case WithUid(wanted):
            return uid in scope.saved if wanted.saved else wanted.has(uid, scope.view.uids[-1])
    raise AssertionError(key)


def scope_of(messages: Sequence[Message], gaps: bool) -> tuple[Scope, FakeFolder]:
    """With `gaps` each second message was expunged, which the client was not told."""
    step = 2 if gaps else 1
    uids = array("I", range(step, step * len(messages) + 1, step))
    folder = FakeFolder(dict(zip(uids, messages, strict=True)))
    view = FolderView(
        "id",
        1,
        uids[-1] + 1 if uids else 1,
        9,
        KEYWORDS,
        uids,
        array("I", [each[0] for each in messages]),
        array("Q", [each[1] for each in messages]),
        array("I", [each[1] for each in messages]),
        array("q", [each[2] for each in messages]),
    )
    known = step * len(messages)
    saved = uids[1::2]
    return Scope(cast("IFolder", folder), view, uids, known, saved, float(NOW)), folder


def find(key: SearchKey, scope: Scope) -> list[int]:
    nothing = cast("Any", None)
    options = ImapOptions("h.example", 1, 1, "")
    context = Context(
        nothing, nothing, nothing, nothing, nothing, options, no_pause, nothing, lambda: 0.0,
        nothing, nothing,
    )  # fmt: skip
    mask = now(Evaluation(scope, Progress(context, scope.count)).matching(key))
    return picked(range(scope.count), mask, scope.count)


class EvaluationTests(SynchronousTestCase):
    @given(MESSAGES, KEYS, st.booleans())
    def test_it_finds_what_looking_at_each_message_finds(
        self, messages: list[Message], key: SearchKey, gaps: bool
    ) -> None:
        scope, _ = scope_of(messages, gaps)
        expected = [place for place, each in enumerate(messages) if naive(key, scope, place, each)]
        self.assertEqual(expected, find(key, scope))

    def asked(self, key: SearchKey) -> int:
        """How many messages of eight the store has to look at; four are flagged."""
        rows = [(8 if n % 2 else 0, 1, 0, "red", "blue") for n in range(8)]
        scope, folder = scope_of(rows, gaps=False)
        find(key, scope)
        return folder.read

    def test_the_store_looks_at_those_alone_that_are_undecided(self) -> None:
        text, seen = TextContains("blue", True), HasFlag("\\Seen")
        self.assertEqual(8, self.asked(text))
        self.assertEqual(4, self.asked(And((text, seen))))
        self.assertEqual(4, self.asked(Or(text, seen)))
        self.assertEqual(4, self.asked(Not(And((text, Not(seen))))))
        self.assertEqual(0, self.asked(And((text, HasFlag("none")))))
        self.assertEqual(0, self.asked(And((HasEmailId("M99"), text))))

    def test_keys_about_content_are_asked_for_together(self) -> None:
        text = TextContains("blue", True)
        self.assertEqual(8, self.asked(And((text, FieldContains("Subject", "red")))))
        self.assertEqual(8, self.asked(Or(FieldContains("Subject", "x"), Or(text, text))))
        self.assertEqual(4, self.asked(And((text, HasFlag("\\Seen"), Not(text)))))
