"""The values that SORT and THREAD compare: the rules of RFC 5256."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.imap.threads import base_subject, message_ids


class BaseSubjectTests(SynchronousTestCase):
    def test_table(self) -> None:
        for subject, expected in (
            (b"Hello", ("HELLO", False)),
            (b"Re: Hello", ("HELLO", True)),
            (b"RE : re:Hello", ("HELLO", True)),
            (b"Fwd: Fw: Hello", ("HELLO", True)),
            (b"Re[2]: Hello", ("RE[2]: HELLO"[7:], True)),
            (b"Re: [list] Re: Hello", ("HELLO", True)),
            (b"[list] Hello", ("HELLO", False)),
            (b"[list][other] Hello", ("HELLO", False)),
            (b"[list]", ("[LIST]", False)),
            (b"[a] [b]", ("[B]", False)),
            (b"Hello (fwd)", ("HELLO", True)),
            (b"Hello (fwd) (FWD) ", ("HELLO", True)),
            (b"[Fwd: Hello]", ("HELLO", True)),
            (b"[fwd: Re: [x] Hello (fwd)]", ("HELLO", True)),
            (b"Hello   there\tyou", ("HELLO THERE YOU", False)),
            (b"Regarding: x", ("REGARDING: X", False)),
            (b"=?utf-8?q?Re=3A_=C3=B6?=", ("Ö", True)),
            (b"Re:", ("", True)),
            (b"", ("", False)),
            (None, ("", False)),
        ):
            self.assertEqual(base_subject(subject), expected, subject)

    @given(st.text("re: fwd()[]x", max_size=30))
    def test_the_base_of_a_base(self, text: str) -> None:
        found, _ = base_subject(text.encode())
        self.assertEqual(base_subject(found.encode())[0], found)

    def test_long_ones(self) -> None:
        for piece in (b"Re: ", b"[a]", b"[fwd: ", b"(fwd)", b"[", b"re[", b"re "):
            base_subject(piece * 100_000)


class MessageIdTests(SynchronousTestCase):
    def test_table(self) -> None:
        for value, expected in (
            (b"<a@b>", ("a@b",)),
            (b"<a@b> <c@d>\t<a@b>", ("c@d", "a@b")),
            (b'<"a b"@c>', ("a b@c",)),
            (b'<"a\\"b"@c>', ('a"b@c',)),
            (b"Your message of <x> <a@b>", ("a@b",)),
            (b"a@b", ()),
            (b"<a@b", ()),
            (b"", ()),
            (None, ()),
        ):
            self.assertEqual(message_ids(value), expected, value)

    def test_many(self) -> None:
        found = message_ids(b" ".join(b"<%d@x>" % number for number in range(50_000)))
        self.assertEqual((len(found), found[-1]), (200, "49999@x"))
        for piece in (b" ", b"<", b"<a", b'<"', b'<"\\', b"<a@", b"< "):
            message_ids(b"<" + piece * 100_000)
