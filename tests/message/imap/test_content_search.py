"""Keys about content, decided by the kept fields, by the header, or by the whole message."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

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
from mailhost.message.imap.content_search import LARGE, ContentSearch, is_kept
from mailhost.message.imap.reader import WHOLE, MemoryReader
from mailhost.message.imap.summary import summary

MAIL = (
    b"Subject: red\r\nX-Mailer: Pine\r\nDate: Mon, 7 Feb 2022 23:30:00 -0800\r\n\r\nblue body\r\n"
)
DAY = 19030  # 7 Feb 2022
RED, PINE = FieldContains("SUBJECT", "RED"), FieldContains("x-mailer", "pine")
BLUE = TextContains("blue", headers=False)


class Counting:
    """A reader that counts octets."""

    def __init__(self, octets: bytes) -> None:
        self._reader = MemoryReader(octets)
        self.octets = 0

    @property
    def size(self) -> int:
        return self._reader.size

    def read(self, offset: int, size: int) -> bytes:
        found = self._reader.read(offset, size)
        self.octets += len(found)
        return found


def in_message(key: ContentKey, octets: bytes = MAIL) -> bool:
    return ContentSearch(key).in_message(MemoryReader(octets))


class ContentSearchTests(SynchronousTestCase):
    def test_leaves(self) -> None:
        self.assertTrue(in_message(RED))
        self.assertTrue(in_message(PINE))
        self.assertTrue(in_message(FieldContains("X-Mailer", "")))
        self.assertFalse(in_message(FieldContains("X-None", "")))
        self.assertTrue(in_message(BLUE))
        self.assertFalse(in_message(TextContains("red", headers=False)))
        self.assertTrue(in_message(TextContains("red", headers=True)))
        self.assertTrue(in_message(TextContains("", headers=False)))

    def test_days(self) -> None:
        self.assertTrue(in_message(Sent(When.ON, DAY)))
        self.assertTrue(in_message(Sent(When.SINCE, DAY)))
        self.assertFalse(in_message(Sent(When.BEFORE, DAY)))
        self.assertTrue(in_message(Sent(When.BEFORE, DAY + 1)))
        self.assertFalse(in_message(Sent(When.SINCE, 0), b"Date: never\r\n\r\n"))

    def test_what_the_kept_fields_decide(self) -> None:
        head = summary(MemoryReader(MAIL)).head
        other = FieldContains("Subject", "green")
        for key, found in (
            (RED, True),
            (other, False),
            (PINE, None),
            (BLUE, None),
            (NoneOf(RED), False),
            (NoneOf(BLUE), None),
            (AllOf((BLUE, other)), False),
            (AllOf((BLUE, RED)), None),
            (AnyOf((BLUE, RED)), True),
            (AnyOf((BLUE, other)), None),
        ):
            self.assertIs(found, ContentSearch(key).in_kept(head), key)
        self.assertIsNone(ContentSearch(RED).in_kept(None))
        self.assertTrue(is_kept(AnyOf((BLUE, NoneOf(RED)))))
        self.assertFalse(is_kept(AllOf((BLUE, PINE))))

    def test_no_more_is_read_than_is_needed(self) -> None:
        large = MAIL + b"x" * (1 << 16)
        reader = Counting(large)
        search = ContentSearch(AllOf((TextContains("red", headers=True), NoneOf(PINE))))
        self.assertFalse(search.in_message(reader))
        self.assertLess(reader.octets, 1 << 14)
        self.assertTrue(search.needs_body)
        self.assertFalse(ContentSearch(PINE).needs_body)

    def test_a_header_of_any_length(self) -> None:
        long = b"X-Long: " + b"x" * 100_000 + b"\r\n" + MAIL
        self.assertTrue(in_message(RED, long))
        self.assertTrue(in_message(RED, b"Subject: red"))
        self.assertFalse(in_message(RED, b"\r\nSubject: red\r\n\r\n"))
        self.assertFalse(in_message(RED, b""))

    def test_large_messages_are_searched_with_pauses(self) -> None:
        pauses: list[int] = []
        for size in (LARGE, WHOLE + 1):
            octets = MAIL + b"\xc3\xa9 line\r\n" * (size // 9) + b"green\r\n"
            pauses.clear()
            search = ContentSearch(TextContains("GREEN", headers=True), lambda: pauses.append(1))
            self.assertTrue(search.in_message(MemoryReader(octets)))
            self.assertGreater(len(pauses), 3)

    @given(
        st.recursive(
            st.sampled_from([RED, PINE, BLUE, FieldContains("Subject", "x"), Sent(When.ON, 1)]),
            lambda inside: (
                inside.map(NoneOf)
                | st.lists(inside, min_size=1, max_size=3).map(lambda keys: AllOf(tuple(keys)))
                | st.lists(inside, min_size=1, max_size=3).map(lambda keys: AnyOf(tuple(keys)))
            ),
            max_leaves=6,
        )
    )
    def test_what_is_decided_early_is_decided_rightly(self, key: ContentKey) -> None:
        early = ContentSearch(key).in_kept(summary(MemoryReader(MAIL)).head)
        late = in_message(key)
        self.assertEqual(holds(key), late)
        self.assertIn(early, (None, late))


def holds(key: ContentKey) -> bool:
    if isinstance(key, AllOf):
        return all(map(holds, key.keys))
    if isinstance(key, AnyOf):
        return any(map(holds, key.keys))
    if isinstance(key, NoneOf):
        return not holds(key.key)
    return key in (RED, PINE, BLUE)
