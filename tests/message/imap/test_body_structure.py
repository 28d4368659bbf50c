"""BODY and BODYSTRUCTURE: always valid by the grammar, whatever the message has."""

from __future__ import annotations

from time import process_time

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.imap.body_structure import body_structures
from mailhost.message.imap.part_offsets import decode_parts, encode_parts, read_parts
from mailhost.message.imap.reader import MemoryReader, Octets
from tests.message.imap import replies
from tests.message.imap.replies import Value
from tests.message.mime.messages import broken, messages


def structures(message: bytes) -> tuple[Value, Value]:
    """BODY and BODYSTRUCTURE, checked against the grammar."""
    body, extended = body_structures(message, read_parts(message))
    found = replies.read(body), replies.read(extended)
    replies.check_body(found[0], extended=False)
    replies.check_body(found[1], extended=True)
    return found


def typed(kind: bytes, body: bytes = b"") -> bytes:
    return b"Content-Type: " + kind + b"\r\n\r\n" + body


def multipart(*parts: bytes, subtype: bytes = b"mixed", boundary: bytes = b"b") -> bytes:
    inside = b"".join(b"--%b\r\n%b\r\n" % (boundary, part) for part in parts)
    kind = b"multipart/%b; boundary=%b" % (subtype, boundary)
    return typed(kind, inside + b"--%b--\r\n" % boundary)


DEFAULT = [b"charset", b"us-ascii"]
PLAIN = [b"text", b"plain", DEFAULT, None, None, b"7bit"]


class BodyStructureTests(SynchronousTestCase):
    def test_the_example_of_the_rfc(self) -> None:
        body = b"x" * 38 + b"\r\n"
        message = typed(b'TEXT/PLAIN; CHARSET="US-ASCII"', body * 76)
        expected = [b"text", b"plain", [b"charset", b"US-ASCII"], None, None, b"7bit", 3040, 76]
        self.assertEqual(structures(message)[0], expected)

    def test_without_a_type(self) -> None:
        self.assertEqual(structures(b"\r\nx\r\n")[1], [*PLAIN, 3, 1, None, None, None, None])
        self.assertEqual(structures(b"")[0], [*PLAIN, 0, 0])

    def test_types_that_cannot_be_read(self) -> None:
        for kind in (b"text", b"", b"/", b"text/", b"(c)", b";", b"a b/c"):
            found = structures(typed(kind, b"x"))[0]
            assert isinstance(found, list)
            self.assertEqual(found[0], b"text", kind)
        found = structures(typed(b"\xff/\xff", b"x"))[0]
        assert isinstance(found, list)
        self.assertEqual(found[:2], [b"application", b"octet-stream"])
        found = structures(typed(b"multipart", b"x"))[0]
        self.assertEqual(found, [*PLAIN, 1, 0])

    def test_a_multipart_without_parts_is_a_text(self) -> None:
        for message in (
            typed(b"multipart/mixed; boundary=b"),
            typed(b"multipart/mixed", b"--b\r\n\r\nx\r\n--b--\r\n"),
            typed(b"multipart/mixed; boundary=b", b"--b--\r\n"),
        ):
            size = len(message.partition(b"\r\n\r\n")[2])
            self.assertEqual(structures(message)[0], [*PLAIN, size, message.count(b"\r\n") - 2])

    def test_messages_within(self) -> None:
        inner = b"Subject: in\r\n\r\nhi\r\n"
        envelope: list[Value] = [None, b"in", *[None] * 8]
        found = structures(multipart(b"\r\nx", typed(b"message/rfc822", inner)))[0]
        message = [b"message", b"rfc822", None, None, None, b"7bit", len(inner)]
        self.assertEqual(found, [[*PLAIN, 1, 0], [*message, envelope, [*PLAIN, 4, 1], 3], b"mixed"])

    def test_a_message_that_holds_an_empty_multipart(self) -> None:
        inner = b"Subject: in\r\n" + typed(b"multipart/mixed; boundary=c")
        found = structures(multipart(typed(b"message/rfc822", inner)))[1]
        assert isinstance(found, list) and isinstance(found[0], list)
        self.assertEqual(found[0][8], [*PLAIN, 0, 0, None, None, None, None])

    def test_global_and_news(self) -> None:
        found = structures(typed(b"message/global", b"\r\n"))[0]
        assert isinstance(found, list)
        self.assertEqual((found[1], len(found)), (b"global", 10))
        found = structures(typed(b"message/news", b"\r\n"))[0]
        self.assertEqual(found, [b"message", b"news", None, None, None, b"7bit", 2])

    def test_an_encoded_message_is_a_file(self) -> None:
        head = b"Content-Transfer-Encoding: base64\r\n"
        found = structures(head + typed(b"message/rfc822; x=y", b"eA=="))[0]
        self.assertEqual(found, [b"application", b"octet-stream", None, None, None, b"base64", 4])

    def test_a_status_report_with_too_few_fields(self) -> None:
        report = multipart(b"\r\nx", typed(b"message/delivery-status"), subtype=b"report")
        found = structures(report)[0]
        assert isinstance(found, list)
        self.assertEqual(found[1], [b"message", b"delivery-status", None, None, None, b"7bit", 0])

    def test_parameters(self) -> None:
        for value, expected in (
            (b"a/b; name*0=x; name*1=y", [b"name", b"xy"]),
            (b"a/b; name*1=y; name*0=x", [b"name", b"xy"]),
            (b"a/b; name*=utf-8''%C3%B6", [b"name*", b"utf-8''%C3%B6"]),
            (b"a/b; name*0*=utf-8''%C3%B6; name*1=\" x\"", [b"name*", b"utf-8''%C3%B6%20x"]),
            (b'a/b; name="x\\"y"', [b"name", b'x"y']),
            (b"a/b; name==?utf-8?q?=C3=B6?=", [b"name", b"=?utf-8?q?=C3=B6?="]),
            (b"a/b; name=x; name=y; z=", [b"name", b"x", b"z", b""]),
            (b"a/b; name=\xc3\xb6", [b"name", b"\xc3\xb6"]),
            (b"a/b; ; name", None),
        ):
            found = structures(typed(value))[0]
            assert isinstance(found, list)
            self.assertEqual(found[2], expected, value)

    def test_the_other_fields(self) -> None:
        head = (
            b'Content-ID: <i@x>\r\nContent-Description: a "b"\r\nContent-MD5: abc\r\n'
            b"Content-Disposition: Attachment; filename=x\r\nContent-Language: de, en\r\n"
            b"Content-Location: http://x/\r\n"
        )
        found = structures(head + typed(b"a/b"))[1]
        self.assertEqual(
            found,
            [
                *(b"a", b"b", None, b"<i@x>", b'a "b"', b"7bit", 0, b"abc"),
                *([b"Attachment", [b"filename", b"x"]], [b"de", b"en"], b"http://x/"),
            ],
        )
        empty = b"Content-ID:\r\nContent-Disposition: ; x=y\r\nContent-Language: ,\r\n"
        self.assertEqual(
            structures(empty + typed(b"a/b"))[1],
            [b"a", b"b", None, b"", None, b"7bit", 0, None, None, None, None],
        )

    def test_ten_thousand_levels(self) -> None:
        start = process_time()
        deep = b"".join(
            typed(b"multipart/mixed; boundary=b%d" % level, b"--b%d\r\n" % level)
            for level in range(10_000)
        )
        structures(deep)
        structures(typed(b"message/rfc822") * 10_000)
        self.assertLess(process_time() - start, 10)

    @given(messages | broken | st.binary(max_size=300))
    def test_any_octets_give_a_valid_structure(self, message: bytes) -> None:
        root = read_parts(message)
        found = body_structures(message, root)
        structures(message)
        self.assertEqual(body_structures(message, decode_parts(encode_parts(root))), found)
        blocks = Octets(MemoryReader(message))
        self.assertEqual(body_structures(blocks, read_parts(blocks)), found)
