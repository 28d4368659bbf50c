"""FETCH, SEARCH, ESEARCH, SORT and THREAD lines."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.imap.grammar.response_message import (
    SearchResult,
    ThreadNode,
    esearch,
    fetch_line,
    flags_lines,
    search_line,
    thread_line,
)


class MessageLineTests(SynchronousTestCase):
    def test_fetch(self) -> None:
        line = fetch_line(12, [b"UID 5", b"FLAGS (\\Seen)"])
        self.assertEqual(b"* 12 FETCH (UID 5 FLAGS (\\Seen))\r\n", line)

    def test_flags_of_many(self) -> None:
        flags = [b"(\\Seen)", b"()"]
        self.assertEqual(
            [b"* 1 FETCH (FLAGS (\\Seen))\r\n", b"* 2 FETCH (FLAGS ())\r\n"],
            flags_lines([1, 2], flags),
        )
        self.assertEqual(
            [b"* 1 FETCH (UID 7 FLAGS (\\Seen))\r\n", b"* 2 FETCH (UID 9 FLAGS ())\r\n"],
            flags_lines([1, 2], flags, [7, 9]),
        )
        self.assertEqual(
            [b"* 1 FETCH (FLAGS (\\Seen) MODSEQ (5))\r\n", b"* 2 FETCH (FLAGS () MODSEQ (6))\r\n"],
            flags_lines([1, 2], flags, modseqs=[5, 6]),
        )
        self.assertEqual(
            [b"* 1 FETCH (UID 7 FLAGS (\\Seen) MODSEQ (5))\r\n"],
            flags_lines([1], flags[:1], [7], [5]),
        )

    def test_search(self) -> None:
        self.assertEqual(b"* SEARCH\r\n", search_line([]))
        self.assertEqual(b"* SEARCH 2 84 882\r\n", search_line([2, 84, 882]))
        self.assertEqual(b"* SEARCH 2 5 (MODSEQ 917)\r\n", search_line([2, 5], 917))
        self.assertEqual(b"* SEARCH\r\n", search_line([], 917))
        self.assertEqual(b"* SORT 5 3 4 1 2\r\n", search_line([5, 3, 4, 1, 2], command=b"SORT"))

    def test_esearch(self) -> None:
        for uid, result, text in (
            (False, SearchResult(), b""),
            (True, SearchResult(2, 47, None, 25), b" UID MIN 2 MAX 47 COUNT 25"),
            (False, SearchResult(all=b"1,17,21"), b" ALL 1,17,21"),
            (False, SearchResult(all=b"", count=0), b" COUNT 0"),
            # without brackets (RFC 7162 §3.1.10)
            (False, SearchResult(all=b"1:3,5", modseq=1236), b" ALL 1:3,5 MODSEQ 1236"),
        ):
            self.assertEqual(b'* ESEARCH (TAG "A2")%b\r\n' % text, esearch(b"A2", uid, result))


def chain(*numbers: int | None, end: tuple[ThreadNode, ...] = ()) -> ThreadNode:
    """Return messages, each of which answers the one before."""
    replies = end
    for number in reversed(numbers):
        replies = (ThreadNode(number, replies),)
    return replies[0]


class ThreadTests(SynchronousTestCase):
    def test_threads(self) -> None:
        """The examples of RFC 5256 §4."""
        for threads, text in (
            ([], b""),
            ([chain(2), chain(3, 6, end=(chain(4, 23), chain(44, 7, 96)))],
             b" (2)(3 6 (4 23)(44 7 96))"),
            ([ThreadNode(None, (chain(3), chain(5)))], b" ((3)(5))"),
            ([chain(None, 7)], b" (7)"),
            ([chain(1, None, end=(chain(2), chain(3)))], b" (1 (2)(3))"),
        ):  # fmt: skip
            self.assertEqual(b"* THREAD%b\r\n" % text, thread_line(threads))

    def test_depth(self) -> None:
        numbers = range(1, 100_001)
        line = thread_line([chain(*numbers)])
        self.assertEqual(b"* THREAD (%b)\r\n" % b" ".join(b"%d" % n for n in numbers), line)
