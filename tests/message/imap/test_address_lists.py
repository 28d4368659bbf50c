"""Address lists as ENVELOPE has them: RFC 5322's grammar, and what strangers write."""

from __future__ import annotations

from time import process_time

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.imap.address_lists import LONGEST, MOST, parse_addresses

# the list as it is written, then name, route, mailbox and host of each address
TABLE: list[tuple[bytes, list[tuple[bytes | None, ...]]]] = [
    (b"joe@x.org", [(None, None, b"joe", b"x.org")]),
    (b"<joe@x>", [(None, None, b"joe", b"x")]),
    (
        b"Joe Q. Public <joe@x>, a@b",
        [(b"Joe Q. Public", None, b"joe", b"x"), (None, None, b"a", b"b")],
    ),
    (b'"Public, Joe" <joe@x>', [(b"Public, Joe", None, b"joe", b"x")]),
    (b'"Joe \\"Q\\" \\\\" <joe@x>', [(b'Joe "Q" \\', None, b"joe", b"x")]),
    (b'Joe "Q" Public <joe@x>', [(b"Joe Q Public", None, b"joe", b"x")]),
    (b'"  Joe  Q " <joe@x>', [(b"Joe Q", None, b"joe", b"x")]),
    (b'" " <joe@x>', [(None, None, b"joe", b"x")]),
    (b"=?utf-8?q?J=C3=B6?= <j@x>", [(b"=?utf-8?q?J=C3=B6?=", None, b"j", b"x")]),
    (b"J\xc3\xb6 <j@x>", [(b"J\xc3\xb6", None, b"j", b"x")]),
    # groups (RFC 5322 3.4)
    (b"undisclosed-recipients:;", [(None, None, b"undisclosed-recipients", None), (None,) * 4]),
    (
        b'A "B": c@d, E <e@f>;, g@h',
        [
            (None, None, b"A B", None),
            (None, None, b"c", b"d"),
            (b"E", None, b"e", b"f"),
            (None,) * 4,
            (None, None, b"g", b"h"),
        ],
    ),
    (b"A: b@c", [(None, None, b"A", None), (None, None, b"b", b"c"), (None,) * 4]),
    (b": a@b", [(None, None, b"a", b"b")]),
    # comments, quoted local parts, literals, obsolete forms
    (b"joe@x (Joe (the) Man)", [(b"Joe (the) Man", None, b"joe", b"x")]),
    (b"Joe (c) Public <joe@x> (d)", [(b"Joe Public", None, b"joe", b"x")]),
    (b"(c) joe@x", [(None, None, b"joe", b"x")]),
    (b"joe@x (a\\)b)", [(b"a)b", None, b"joe", b"x")]),
    (b'"joe smith"@x', [(None, None, b"joe smith", b"x")]),
    (b"joe@[192.0.2.1]", [(None, None, b"joe", b"[192.0.2.1]")]),
    (b"joe . smith @ x . org", [(None, None, b"joe.smith", b"x.org")]),
    (b"<@a,@b:joe@c>", [(None, b"@a,@b", b"joe", b"c")]),
    # what no grammar has
    (b"a@b;c@d", [(None, None, b"a", b"b"), (None, None, b"c", b"d")]),
    (b"Joe Public joe@x", [(b"Joe Public", None, b"joe", b"x")]),
    (b"joe@x <joe@x>", [(b"joe@x", None, b"joe", b"x")]),
    (b"<joe@x, a@b", [(None, None, b"joe", b"x"), (None, None, b"a", b"b")]),
    (b"<joe smith@x>", [(None, None, b"joe smith", b"x")]),
    (b"<undisclosed:;@x>", [(None, None, b"undisclosed:;", b"x")]),
    (b"<a@b@c>", [(None, None, b"a@b", b"c")]),
    (b"joe", [(None, None, b"joe", b"")]),
    (b"Joe Public", [(None, None, b"Joe Public", b"")]),
    (b"<>", [(None, None, b"", b"")]),
    (b"joe@", [(None, None, b"joe", b"")]),
    (b"", []),
    (b" , ,; ", []),
    (b"(nobody)", []),
    (b'"a <b@c>, d@e', [(None, None, b"a <b@c>, d@e", b"")]),
]


class AddressListTests(SynchronousTestCase):
    def test_table(self) -> None:
        for value, expected in TABLE:
            found = [tuple(each) for each in parse_addresses(value)]
            self.assertEqual(found, expected, value)

    @given(st.binary(max_size=60) | st.text('ab@.,:;<>()[]"\\ ', max_size=40).map(str.encode))
    def test_any_octets_give_a_list_with_whole_groups(self, value: bytes) -> None:
        in_group = False
        for each in parse_addresses(value):
            if each.host is None:
                self.assertEqual(in_group, each.mailbox is None)
                in_group = each.mailbox is not None
            else:
                self.assertIsNotNone(each.mailbox)
        self.assertFalse(in_group)

    def test_a_megabyte_takes_bounded_time(self) -> None:
        start = process_time()
        for piece in (b"(", b'"', b"<", b",", b":", b"a ", b"a@b,", b"A:;", b'"" :', b"@ ", b"\\"):
            found = parse_addresses(piece * (1_000_000 // len(piece)))
            self.assertLessEqual(len(found), MOST + 1)
        parse_addresses(b"<" + b"a," * LONGEST)
        parse_addresses(b"a@b " * LONGEST)
        self.assertLess(process_time() - start, 20)
