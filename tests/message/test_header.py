"""Fields are found with their offsets; addresses in fields are read unambiguously or refused."""

from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.address import BadAddress
from mailhost.message.header import (
    addresses,
    count_received,
    fields,
    first_value,
    named,
    raw_fields,
    raw_values,
    values,
    whole_fields,
)

odd_headers = st.lists(
    st.sampled_from(
        [b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"From", b"X-Y", b"a", b"\0", b"\xff", b"::"]
    ),
    max_size=40,
).map(b"".join)


class FieldTests(SynchronousTestCase):
    def test_fields_in_order(self) -> None:
        header = b"A: 1\r\nB:2\r\nA : 3\r\nc:\r\n"
        found = [(field.name, field.text) for field in fields(header)]
        self.assertEqual(found, [(b"A", "1"), (b"B", "2"), (b"A", "3"), (b"c", "")])
        self.assertEqual(values(header, "a"), ["1", "3"])
        self.assertEqual(values(header, "d"), [])
        self.assertEqual((first_value(header, "a"), first_value(header, "d")), ("1", ""))

    def test_thousands_of_one_name(self) -> None:
        header = b"Message-ID: <a@b.example>\r\n" * 18_000
        begun = time.thread_time()
        self.assertEqual(first_value(header, "Message-ID"), "<a@b.example>")
        self.assertLess(time.thread_time() - begun, 0.01)

    def test_folded(self) -> None:
        header = b"A: one\r\n two\r\n\t three \r\nB: x\r\n \r\n y\r\nC:\r\n z\r\n"
        self.assertEqual(values(header, "a"), ["one two\t three"])
        self.assertEqual(values(header, "b"), ["x  y"])
        self.assertEqual(values(header, "c"), ["z"])

    def test_lines_that_are_no_fields_are_skipped(self) -> None:
        header = (
            b" folded nothing: x\r\nno colon\r\n From: inside@it\r\nspace in: name\r\n"
            b": no name\r\nN\0ul: x\r\n\xffbyte: x\r\nA: 1\r\n"
        )
        self.assertEqual([field.name for field in fields(header)], [b"A"])

    def test_odd_bytes_in_values(self) -> None:
        header = b"A: nul\0 \xff \xc3\xb6\r\nB: bare\rreturn: x\r\nC: 1\nD: 2\r\nE: end"
        self.assertEqual(values(header, "A"), ["nul\0 \ufffd ö"])
        self.assertEqual(values(header, "B"), ["bare\rreturn: x"])
        names = b" ".join(field.name for field in fields(header))
        self.assertEqual(names, b"A B C D E")
        self.assertEqual(values(header, "E"), ["end"])

    @settings(deadline=None)
    @given(odd_headers)
    def test_values_are_those_of_the_fields(self, header: bytes) -> None:
        for name in ("From", "X-Y", "a"):
            found = [
                each.text for each in fields(header) if each.name.lower() == name.lower().encode()
            ]
            self.assertEqual(values(header, name), found)
            self.assertEqual([each.text for each in named(header, name)], found)
        hops = header.replace(b"X-Y", b"Received")
        self.assertEqual(count_received(hops), len(values(hops, "received")))

    @settings(deadline=None)
    @given(odd_headers)
    def test_raw_values_and_whole_fields(self, header: bytes) -> None:
        """A name that no field can have is that of no field, whatever stands in a line."""
        found = list(raw_fields(header))
        for name in (b"From", b"x-y", b"A", b"a:", b"", b"a b", b"\xff"):
            wanted = [value for each, value, _ in found if each == name.lower()]
            self.assertEqual(raw_values(header, name), wanted)
        names = (b"from", b"A", b"a:", b"")
        wanted = [whole for each, _, whole in found if each in (b"from", b"a")]
        self.assertEqual(whole_fields(header, names), wanted)
        self.assertEqual(whole_fields(header, ()), [])

    @settings(deadline=None, max_examples=200)
    @given(odd_headers)
    def test_offsets_of_fields(self, header: bytes) -> None:
        end = 0
        for field in fields(header):
            self.assertGreaterEqual(field.start, end)
            end = field.end
            whole = header[field.start : field.end]
            name, _, rest = whole.partition(b":")
            self.assertEqual(name.rstrip(b" \t"), field.name)
            self.assertTrue(rest.startswith(field.value))
            self.assertIn(rest[len(field.value) :], (b"", b"\n", b"\r\n"))
            self.assertTrue(field.start == 0 or header[field.start - 1 : field.start] == b"\n")
            field.text  # noqa: B018 - does not raise

    def test_large_headers_take_little_time(self) -> None:
        begun = time.process_time()
        for header in (
            b"A:" + b"x" * 1_000_000,
            b"A:" + b"\r\n x" * 250_000,
            b"A:" + b"\r" * 1_000_000,
            b"a" * 1_000_000,
            b" " * 1_000_000,
            b"A" + b" " * 1_000_000,
            b"a b\r\n" * 200_000,
            b"\r\n" * 500_000,
        ):
            list(fields(header))
            count_received(header)
        self.assertLess(time.process_time() - begun, 5)

    def test_hops(self) -> None:
        header = (
            b"Received: from a\r\n\tby b\r\nreceived : x\r\nX-Received: y\r\n"
            b"Subject: a\r\n Received: z\r\nRECEIVED:\r\n"
        )
        self.assertEqual(count_received(header), 3)


class AddressesTests(SynchronousTestCase):
    def test_good(self) -> None:
        for value, wanted in {
            "ann@a.example": "ann@a.example",
            " Ann <ann@a.example> ": "ann@a.example",
            "<ann@a.example>": "ann@a.example",
            '"Doe, Ann <x@y>" <ann@a.example>': "ann@a.example",
            '"\\"" <ann@a.example>': "ann@a.example",
            "Ann Q. Doe <ann@a.example>": "ann@a.example",
            "ann@b.example <ann@a.example>": "ann@a.example",
            "=?utf-8?q?J=C3=B6rg_=28x=29?= <j@a.example>": "j@a.example",
            "Jörg <jörg@exämple.com>": "jörg@xn--exmple-cua.com",
            "ann@a.example, Bob <bob@a.example>": "ann@a.example bob@a.example",
            "ann@a.example,, bob@a.example,": "ann@a.example bob@a.example",
            "Us: ann@a.example, Bob <bob@a.example>;": "ann@a.example bob@a.example",
            "Us:ann@a.example;, eve@a.example": "ann@a.example eve@a.example",
            "ann@a.example (Ann (the \\) first))": "ann@a.example",
            '(")(") ann@a.example': "ann@a.example",
            '(") ann@a.example': "ann@a.example",
            '"a b"@a.example': '"a b"@a.example',
            'X <"a>b,c"@a.example>': '"a>b,c"@a.example',
            "ann@[IPv6:2001:db8::1]": "ann@[IPv6:2001:db8::1]",
            "< ann@a.example >": "ann@a.example",
        }.items():
            self.assertEqual(" ".join(map(str, addresses(value))), wanted, value)

    def test_bad(self) -> None:
        for value in (
            "",
            " ",
            ",",
            "Ann",
            "Doe, Ann <ann@a.example>",
            "<>",
            "Ann <>",
            "nobody:;",
            "ann@a.example bob@a.example",
            "Ann ann@a.example",
            "<ann@a.example> bob@a.example",
            "<ann@a.example> <bob@a.example>",
            "ann@a.example <bob@a.example",
            "<ann@a.example>>",
            '"ann@a.example',
            "(ann@a.example",
            "ann@a.example)",
            "ann(x)b@a.example",
            "ann@a.example(x)b",
            "<@x,@y:ann@a.example>",
            "[ann@a.example]",
            "ann@a.example\r",
            '"\rFrom: x@y" <ann@a.example>',
            "an\0n@a.example",
            "<ann(x)@a.example>",
        ):
            self.assertRaises(BadAddress, addresses, value)

    def test_deep_and_long_values_take_little_time(self) -> None:
        begun = time.process_time()
        for value in (
            "(" * 1_000_000,
            "(" * 500_000 + ")" * 500_000,
            '"' * 1_000_001,
            "<" * 1_000_000,
            ":" * 1_000_000,
            "a" * 1_000_000,
            '"\\' * 500_000,
            "[" * 1_000_000,
        ):
            self.assertRaises(BadAddress, addresses, value)
        self.assertLess(time.process_time() - begun, 10)

    @settings(deadline=None)
    @given(st.text(max_size=60) | st.text('ab@.,;:<>"\\()[] \r\nö', max_size=40))
    def test_any_text_gives_addresses_or_bad_address(self, value: str) -> None:
        try:
            found = addresses(value)
        except BadAddress:
            return
        self.assertTrue(found)
