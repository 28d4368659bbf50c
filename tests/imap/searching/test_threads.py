"""THREAD=REFERENCES and ORDEREDSUBJECT."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.imap.grammar.response_message import thread_line
from mailhost.imap.searching.threads import ReferenceThreads, ThreadMessage, by_subject


def message(
    number: int,
    subject: str = "",
    references: str = "",
    sent: int | None = None,
    own: str | None = None,
) -> ThreadMessage:
    """A message whose identifier is its number. `Re:` makes it a reply."""
    is_reply = subject.startswith("Re: ")
    identifier = str(number) if own is None else own
    at = number if sent is None else sent
    return ThreadMessage(number, at, subject.removeprefix("Re: "), is_reply, identifier, references)


def threads(*messages: ThreadMessage) -> str:
    made = ReferenceThreads()
    for each in messages:
        made.add(each)
    return thread_line(made.threads()).decode().removeprefix("* THREAD").strip()


class ReferenceTests(SynchronousTestCase):
    def test_a_chain_and_siblings(self) -> None:
        self.assertEqual(
            "(1 2 (3)(4))",
            threads(message(1), message(2, "", "1"), message(3, "", "1 2"), message(4, "", "2")),
        )

    def test_the_order_of_the_messages_makes_no_difference(self) -> None:
        self.assertEqual("(3 2 1)", threads(message(1, "", "3 2"), message(2, "", "3"), message(3)))

    def test_missing_parents(self) -> None:
        self.assertEqual("(1)", threads(message(1, "", "8 9")))
        self.assertEqual("((1)(2))", threads(message(1, "", "9"), message(2, "", "9")))
        self.assertEqual("((1)(2))", threads(message(1, "", "8 7"), message(2, "", "8 6")))
        self.assertEqual(
            "(1 (2)(3))", threads(message(1), message(2, "", "1 8"), message(3, "", "1 8"))
        )

    def test_siblings_are_sorted_by_date(self) -> None:
        self.assertEqual(
            "(1 (3)(2))",
            threads(message(1), message(2, "", "1", sent=9), message(3, "", "1", sent=5)),
        )
        self.assertEqual("(2)(1)", threads(message(1, sent=9), message(2, sent=5)))
        self.assertEqual("(1)(2)", threads(message(1, sent=5), message(2, sent=5)))

    def test_a_message_knows_its_parent_better_than_others(self) -> None:
        self.assertEqual(
            "(1 (2)(3 4))",
            threads(message(1), message(2, "", "1"), message(3, "", "1"), message(4, "", "2 3")),
        )
        self.assertEqual(
            "(1 2)(3)", threads(message(1), message(2, "", "1"), message(3, "", "3 3"))
        )

    def test_loops(self) -> None:
        self.assertEqual("(2 1)", threads(message(1, "", "2"), message(2, "", "1")))
        self.assertEqual("(1)", threads(message(1, "", "1")))
        self.assertEqual(
            "(3 2 1)", threads(message(1, "", "2"), message(2, "", "3"), message(3, "", "1 2"))
        )

    def test_one_identifier_twice_and_none(self) -> None:
        self.assertEqual(
            "(1 3)(2)", threads(message(1, own="x"), message(2, own="x"), message(3, "", "x"))
        )
        self.assertEqual("(1)(2)", threads(message(1, own=""), message(2, own="")))

    def test_threads_of_one_subject(self) -> None:
        self.assertEqual("(1 2)", threads(message(1, "a"), message(2, "Re: a")))
        self.assertEqual("(2 1)", threads(message(1, "Re: a"), message(2, "a", sent=9)))
        self.assertEqual("((1)(2))", threads(message(1, "a"), message(2, "a")))
        self.assertEqual("((1)(2)(3))", threads(message(1, "a"), message(2, "a"), message(3, "a")))
        self.assertEqual("((1)(2))", threads(message(1, "Re: a"), message(2, "Re: a")))
        self.assertEqual("(1)(2)", threads(message(1, ""), message(2, "")))

    def test_subjects_of_threads_without_their_first_message(self) -> None:
        lost = (message(1, "a", "9"), message(2, "b", "9"))
        self.assertEqual("((1)(2)(3))", threads(*lost, message(3, "Re: a")))
        more = (message(3, "a", "8"), message(4, "c", "8"))
        self.assertEqual("((1)(2)(3)(4))", threads(*lost, *more))

    def test_deep_threads_and_many_references_take_no_more_than_seconds(self) -> None:
        count = 20_000
        begun = perf_counter()
        deep = [message(number, "", f"{number + 1}") for number in range(1, count)]
        line = threads(*deep)
        self.assertEqual(count - 1, line.count(" ") + 1)
        many = " ".join(str(-number) for number in range(200))
        threads(*(message(number, "", f"{many} {number // 2}") for number in range(1, count)))
        bottom = f"{count} {count // 2}"
        threads(
            *deep[: count // 2], *(message(n, "", bottom) for n in range(count // 2 + 1, count))
        )
        self.assertLess(perf_counter() - begun, 60)

    @given(
        st.lists(
            st.tuples(
                st.lists(st.integers(1, 12), max_size=4),
                st.sampled_from(["", "a", "Re: a", "b", "Re: b"]),
                st.integers(0, 5),
                st.integers(1, 12) | st.none(),
            ),
            max_size=12,
        )
    )
    def test_each_message_is_answered_once(
        self, rows: Sequence[tuple[list[int], str, int, int | None]]
    ) -> None:
        messages = [
            message(number, subject, " ".join(map(str, references)), sent, str(own or ""))
            for number, (references, subject, sent, own) in enumerate(rows, 1)
        ]
        text = threads(*messages).replace("(", " ").replace(")", " ")
        self.assertEqual(list(range(1, len(rows) + 1)), sorted(map(int, text.split())))


class SubjectTests(SynchronousTestCase):
    def test_threads_by_subject(self) -> None:
        messages = [
            message(1, "b", sent=3),
            message(2, "a", sent=4),
            message(3, "b", sent=1),
            message(4, "b", sent=2),
            message(5, "", sent=9),
        ]
        self.assertEqual(b"* THREAD (3 (4)(1))(2)(5)\r\n", thread_line(by_subject(messages)))
        self.assertEqual(b"* THREAD\r\n", thread_line(by_subject([])))
