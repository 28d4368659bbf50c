"""Attachments are listed, removed and renamed; other parts keep their octets."""

from __future__ import annotations

import base64
from email import message_from_bytes, policy
from email.message import EmailMessage

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.mime.attachments import AttachedPart, attachments, rename, strip
from mailhost.message.mime.kinds import Kind
from mailhost.message.mime.structure import Limits, parse
from tests.message.mime.messages import broken, messages, multipart

few = settings(deadline=None)


printable = st.text(min_size=1, max_size=80).filter(str.isprintable)


# the standard library removes quotes and angle brackets in all cases
names = printable.filter(lambda name: name == name.strip(' "<>'))


TEXT = b"Content-Type: text/plain\r\n\r\nHi"


PDF = (
    b'Content-Type: application/octet-stream;\r\n name="=?utf-8?q?=C3=B6.pdf?="\r\n'
    b"Content-Disposition: attachment; filename*=utf-8''%C3%B6.pdf;\r\n\tfilename=o.pdf\r\n"
    b"Content-Transfer-Encoding: base64\r\nContent-ID: <x>\r\nX-Other: y\r\n\r\n"
    + base64.b64encode(b"%PDF-1.7 " + b"x" * 5000)
)


MESSAGE = b"Subject: Hi\r\n" + multipart("mixed", "a", [TEXT, PDF, TEXT])


def notice(attachment: AttachedPart) -> str:
    return f"{attachment.name} was removed: {attachment.kind}"


class ListTests(SynchronousTestCase):
    def test_names_in_either_field(self) -> None:
        """The field that should have the name, or one in which some programs look for it too."""
        for header in (
            "Content-Type: x/y; filename=a.exe",
            "Content-Disposition: attachment; name=a.exe",
            "Content-Disposition: attachment filename=a.exe",
            "Content-Disposition: filename=a.exe",
        ):
            (found,) = attachments(f"{header}\r\n\r\nHi".encode())
            self.assertEqual(found.names, ("a.exe",), header)

    def test_an_attachment(self) -> None:
        (found,) = attachments(MESSAGE)
        self.assertEqual(found.path, (2,))
        self.assertEqual(found.names, ("ö.pdf", "o.pdf"))
        self.assertEqual((found.name, found.type), ("ö.pdf", "application/octet-stream"))
        self.assertEqual((found.size, len(found.head)), (5009, 4096))
        self.assertEqual(found.kind, Kind.PDF)

    def test_texts_are_attached_where_they_have_a_name(self) -> None:
        for header, wanted in {
            "Content-Type: text/plain": False,
            "Content-Type: text/html": False,
            "Content-Type: text/plain; name=a.txt": True,
            "Content-Disposition: attachment": True,
            "Content-Disposition: inline": False,
            "Content-Disposition: inline; filename=a": True,
            "Content-Type: text/calendar": True,
            "Content-Type: message/rfc822": True,
            "Content-Type: multipart/mixed": False,
        }.items():
            found = list(attachments(f"{header}\r\n\r\nHi".encode()))
            self.assertEqual(bool(found), wanted, header)

    def test_inside_of_attached_messages(self) -> None:
        inner = b"Content-Type: message/rfc822\r\n\r\n" + MESSAGE
        outer = multipart("mixed", "z", [TEXT, inner])
        self.assertEqual([each.path for each in attachments(outer)], [(2,)])
        tree = parse(outer, Limits(messages=True))
        found = list(attachments(outer, tree))
        self.assertEqual([each.path for each in found], [(2,), (2, 1, 2)])
        stripped = strip(outer, found[1:], notice)
        self.assertIn(b"\r\n\r\nSubject: Hi\r\n", stripped)
        self.assertNotIn(b"pdf?=", stripped)

    def test_transfer_encodings(self) -> None:
        for encoding, body in {
            "base64": b"SG\r\nk=",
            "BASE64": b"!SGk",
            "quoted-printable": b"H=\r\n=69",
            "x-uuencode": b'begin 644 a.txt\r\n"2&D \r\n`\r\nend\r\n',
            "binary": b"Hi",
            "unknown": b"Hi",
        }.items():
            head = f"Content-Type: x/y\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
            (found,) = attachments(head.encode() + body)
            self.assertEqual(found.head, b"Hi", encoding)

    @few
    @given(st.binary(max_size=100) | broken)
    def test_any_octets(self, message: bytes) -> None:
        found = list(attachments(message))
        self.assertEqual(list(attachments(strip(message, [], notice))), found)
        stripped = strip(message, found, lambda each: "gone")
        self.assertEqual(stripped.count(b"gone"), message.count(b"gone") + len(found))
        rename(message, [(each, "x") for each in found])


class StripTests(SynchronousTestCase):
    def test_nothing_chosen(self) -> None:
        self.assertIs(strip(MESSAGE, [], notice), MESSAGE)
        self.assertIs(rename(MESSAGE, []), MESSAGE)

    def test_a_text_replaces_an_attachment(self) -> None:
        note = (
            b"X-Other: y\r\nContent-Type: text/plain; charset=utf-8\r\n"
            b"Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=B6.pdf was removed: pdf\r\n"
        )
        self.assertEqual(strip(MESSAGE, attachments(MESSAGE), notice), MESSAGE.replace(PDF, note))

    def test_a_message_that_is_the_attachment(self) -> None:
        message = b"Subject: Hi\n" + PDF
        stripped = strip(message, attachments(message), lambda each: "a\nb")
        self.assertEqual(
            stripped,
            b"Subject: Hi\nX-Other: y\r\nMIME-Version: 1.0\r\n"
            b"Content-Type: text/plain; charset=us-ascii\r\n"
            b"Content-Transfer-Encoding: 7bit\r\n\r\na\r\nb\r\n",
        )

    def test_without_an_empty_line(self) -> None:
        head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: x/y\r\n"
        for end in (b"--b--", b"\r\n--b--", b""):
            stripped = strip(head + end, attachments(head + end), lambda each: "gone")
            (part,) = parse(stripped).parts
            self.assertEqual(stripped[part.body : part.end].strip(), b"gone")

    @few
    @given(messages, st.data())
    def test_other_parts_keep_their_octets(self, message: bytes, data: st.DataObject) -> None:
        found = list(attachments(message))
        chosen = data.draw(st.lists(st.sampled_from(found), unique_by=id)) if found else []
        stripped = strip(message, chosen, notice)
        paths = {each.path for each in chosen}
        before, after = dict(parse(message).walk()), dict(parse(stripped).walk())
        self.assertEqual([*before], [*after])
        for path, part in before.items():
            now = after[path]
            if path in paths:
                self.assertIn(b" was removed", stripped[now.body : now.end])
                self.assertEqual(now.type, "text/plain")
            elif not part.multipart:
                self.assertEqual(message[part.start : part.end], stripped[now.start : now.end])
        message_from_bytes(stripped, policy=policy.strict)


class RenameTests(SynchronousTestCase):
    def test_every_name_is_replaced(self) -> None:
        (found,) = attachments(MESSAGE)
        renamed = rename(MESSAGE, [(found, "new.pdf")])
        self.assertEqual(
            renamed,
            MESSAGE.replace(
                b'octet-stream;\r\n name="=?utf-8?q?=C3=B6.pdf?="', b"octet-stream; name=new.pdf"
            ).replace(
                b"attachment; filename*=utf-8''%C3%B6.pdf;\r\n\tfilename=o.pdf",
                b"attachment; filename=new.pdf",
            ),
        )
        (again,) = attachments(renamed)
        self.assertEqual(again.names, ("new.pdf",))

    def test_a_part_without_a_name(self) -> None:
        message = b"Content-Type: image/png\r\n\r\nHi"
        (found,) = attachments(message)
        self.assertEqual(
            rename(message, [(found, "a b.png")]),
            b"Content-Type: image/png\r\nContent-Disposition: attachment;\r\n"
            b'\tfilename="a b.png"\r\n\r\nHi',
        )

    @few
    @given(names, st.booleans())
    def test_any_name(self, name: str, whole: bool) -> None:
        message = b"Subject: Hi\r\n" + PDF if whole else MESSAGE
        (found,) = attachments(message)
        renamed = rename(message, [(found, name)])
        (again,) = attachments(renamed)
        self.assertEqual(again.names, (name,))
        self.assertEqual((again.head, again.size), (found.head, found.size))
        self.assertLess(max(map(len, renamed[: again.part.body].split(b"\r\n"))), 120)
        read = message_from_bytes(renamed, _class=EmailMessage, policy=policy.default)
        shown = [part.get_filename() for part in read.walk() if part.is_attachment()]
        self.assertEqual(shown, [name])
