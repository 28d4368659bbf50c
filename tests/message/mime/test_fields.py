"""Fields are added, removed and replaced; all others keep their octets."""

from __future__ import annotations

from email import message_from_bytes, policy

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.header import fields as fields_of
from mailhost.message.header import named
from mailhost.message.mime import fields
from mailhost.message.mime.encoded_words import decode_words
from mailhost.message.mime.fields import BadField

MESSAGE = b"Received: a\r\n\tb\r\nX-A: 1\nx-a : 2\r\nodd line\r\nSubject: Hi\r\n\r\nX-A: body\n"
few = settings(deadline=None)
CONTROLS = dict.fromkeys(
    (*range(32), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0xD800, 0xE000)), " "
)
names = st.sampled_from(["X-A", "x-a", "Subject", "X-New"])
texts = st.text(max_size=300) | st.text("aö =?_\t\r\n[]\U0001f600", max_size=300)


def shown(message: bytes, name: str) -> str:
    """Return the value of a field as the standard library reads it."""
    return str(message_from_bytes(message, policy=policy.default)[name])


class AddTests(SynchronousTestCase):
    def test_on_top(self) -> None:
        self.assertEqual(fields.add(MESSAGE, "X-B", "3"), b"X-B: 3\r\n" + MESSAGE)
        self.assertEqual(fields.add(b"", "X-B", ""), b"X-B:\r\n")

    def test_no_value_ends_its_field(self) -> None:
        for value in ("a\r\nBcc: x", "a\nBcc: x", "a\r\n\r\nx", b"a\r\nBcc: x"):
            added = fields.add(MESSAGE, "X-B", value)
            self.assertEqual(len(list(fields_of(added))), len(list(fields_of(MESSAGE))) + 1)
            self.assertTrue(added.endswith(b"\r\n" + MESSAGE))

    def test_bad_names(self) -> None:
        for name in ("", "X A", "X:", "Ä", "X\r\n", "x" * 100):
            self.assertRaises(BadField, fields.add, MESSAGE, name, "x")
            self.assertRaises(BadField, fields.remove, MESSAGE, name)
            self.assertRaises(BadField, fields.replace, MESSAGE, name, "x")

    def test_encoded_beside_addresses(self) -> None:
        self.assertEqual(
            fields.field("To", "Jörg Öl <j@a.example>, Bob <b@a.example>"),
            b"To: =?utf-8?b?SsO2cmcgw5Zs?= <j@a.example>, Bob <b@a.example>\r\n",
        )

    def test_utf8_is_not_encoded_with_smtputf8(self) -> None:
        self.assertEqual(fields.field("X", "Jörg\r\n", utf8=True), "X: Jörg\r\n".encode())

    def test_octets_are_not_encoded_again(self) -> None:
        self.assertEqual(fields.field("X", b"=?utf-8?q?x?=  y"), b"X: =?utf-8?q?x?=  y\r\n")

    def test_folded(self) -> None:
        lines = fields.field("X", "word " * 100).split(b"\r\n")
        self.assertGreater(len(lines), 5)
        self.assertLessEqual(max(map(len, lines)), 78)

    @few
    @given(texts)
    @example("ö " * 100)
    @example("a" * 2000)
    def test_any_text_is_read_again(self, text: str) -> None:
        written = fields.field("X-Text", text)
        self.assertTrue(written.isascii())
        self.assertLess(max(map(len, written.split(b"\r\n"))), 998)
        self.assertEqual(written.count(b"\n"), written.count(b"\r\n"))
        (found,) = fields_of(written)
        self.assertEqual((found.start, found.end), (0, len(written)))
        wanted = text.translate(CONTROLS)
        wanted = " ".join(word for word in wanted.split(" ") if word)
        self.assertEqual(decode_words(found.text), wanted)
        self.assertEqual(shown(written + b"\r\n", "X-Text"), wanted)


class ReplaceTests(SynchronousTestCase):
    def test_the_first_field_is_replaced_and_the_others_removed(self) -> None:
        self.assertEqual(
            fields.replace(MESSAGE, "X-A", "9"),
            MESSAGE.replace(b"X-A: 1\nx-a : 2\r\n", b"X-A: 9\r\n"),
        )

    def test_new_fields_come_last(self) -> None:
        self.assertEqual(
            fields.replace(MESSAGE, "X-B", "9"), MESSAGE.replace(b"\r\n\r\n", b"\r\nX-B: 9\r\n\r\n")
        )
        self.assertEqual(fields.replace(b"A: b", "X-B", "9"), b"A: b\r\nX-B: 9\r\n")
        self.assertEqual(fields.replace(b"", "X-B", "9"), b"X-B: 9\r\n")
        self.assertEqual(fields.replace(b"\r\nHi", "X-B", "9"), b"X-B: 9\r\n\r\nHi")
        self.assertEqual(fields.replace(b"A: b\n\nHi", "X-B", "9"), b"A: b\nX-B: 9\r\n\nHi")

    def test_removed(self) -> None:
        without = MESSAGE.replace(b"X-A: 1\nx-a : 2\r\n", b"")
        self.assertEqual(fields.remove(MESSAGE, "x-A"), without)
        self.assertIs(fields.remove(without, "X-A"), without)
        self.assertEqual(fields.remove(MESSAGE, "Received"), MESSAGE[17:])

    def test_a_header_section_alone(self) -> None:
        section = fields.header_of(MESSAGE)
        self.assertTrue(section.endswith(b"Hi\r\n"))
        rest = MESSAGE[len(section) :]
        self.assertEqual(
            fields.replace(section, "X-B", "9") + rest, fields.replace(MESSAGE, "X-B", "9")
        )

    @few
    @given(
        st.lists(st.sampled_from([b"X-A", b":", b" ", b"\r\n", b"\n", b"\r", b"z", b"\t", b"\xff"]))
        .map(b"".join)
        .map(lambda odd: odd + b"\r\n"),
        names,
    )
    def test_other_fields_keep_their_octets(self, odd: bytes, name: str) -> None:
        header = fields.header_of(odd)
        kept = [
            odd[each.start : each.end]
            for each in fields_of(header)
            if each.name.lower() != name.lower().encode()
        ]
        for changed in (fields.remove(odd, name), fields.replace(odd, name, "new")):
            left = b"".join(kept)
            for each in kept:
                self.assertIn(each, changed)
            self.assertGreaterEqual(len(changed), len(left))
        self.assertEqual(list(named(fields.header_of(fields.remove(header, name)), name)), [])


class TagTests(SynchronousTestCase):
    def tag(self, subject: bytes, tag: str = "[TAG]", *, utf8: bool = False) -> bytes:
        """Return the Subject field after the edit."""
        before, after = b"A: b\n", b"To: x\r\n\r\nSubject: body"
        tagged = fields.tag_subject(before + subject + after, tag, utf8=utf8)
        self.assertTrue(tagged.startswith(before))
        self.assertTrue(tagged.endswith(after))
        return tagged[len(before) : -len(after)]

    def test_put_in_front(self) -> None:
        for subject, wanted in {
            b"Subject: Hi\r\n": b"Subject: [TAG] Hi\r\n",
            b"subject :Hi\r\n": b"subject : [TAG] Hi\r\n",
            b"Subject:   Hi\n": b"Subject: [TAG] Hi\n",
            b"Subject:\r\n": b"Subject: [TAG]\r\n",
            b"Subject:\r\n Hi\r\n\tyou\r\n": b"Subject: [TAG]\r\n Hi\r\n\tyou\r\n",
            b"Subject: =?utf-8?q?=c3=b6?=\r\n": b"Subject: [TAG] =?utf-8?q?=c3=b6?=\r\n",
            b"Subject: \xff\xfe\r\n": b"Subject: [TAG] \xff\xfe\r\n",
            b"Subject: " + b"x" * 66 + b"\r\n": b"Subject: [TAG]\r\n " + b"x" * 66 + b"\r\n",
        }.items():
            self.assertEqual(self.tag(subject), wanted)

    def test_a_subject_that_has_the_tag(self) -> None:
        for subject in (
            b"Subject: [TAG] Hi\r\n",
            b"Subject: Re: [tag] Hi\r\n",
            b"Subject: =?utf-8?q?Re=3A_=5BTAG=5D_Hi?=\r\n",
            b"Subject: =?utf-8?b?W1RB?=\r\n =?utf-8?b?R10=?=\r\n",
        ):
            self.assertEqual(self.tag(subject), subject)

    def test_no_subject(self) -> None:
        self.assertEqual(
            fields.tag_subject(b"A: b\r\n\r\nHi", "[TAG]"), b"Subject: [TAG]\r\nA: b\r\n\r\nHi"
        )

    def test_a_tag_that_is_not_ascii(self) -> None:
        for subject in (b"=?utf-8?q?Hi?=", b"Hi"):
            tagged = self.tag(b"Subject: " + subject + b"\r\n", "[TÄG]")
            self.assertTrue(tagged.isascii())
            self.assertTrue(tagged.endswith(b"?= " + subject + b"\r\n"))
            self.assertEqual(shown(tagged + b"\r\n", "Subject"), "[TÄG] Hi")
            self.assertEqual(self.tag(tagged, "[TÄG]"), tagged)
        utf8 = self.tag(b"Subject: Hi\r\n", "[TÄG]", utf8=True)
        self.assertEqual(utf8, "Subject: [TÄG] Hi\r\n".encode())

    @few
    @given(texts, st.sampled_from(["[TAG]", "[TÄG]", "{two words}"]), st.booleans())
    def test_the_subject_is_still_readable(self, text: str, tag: str, utf8: bool) -> None:
        before = fields.field("Subject", text, utf8=utf8)
        tagged = fields.tag_subject(before, tag, utf8=utf8)
        (was,), (now,) = fields_of(before), fields_of(tagged)
        said = decode_words(was.text)
        if tag.lower() in said.lower():
            self.assertEqual(tagged, before)
        else:
            self.assertEqual(decode_words(now.text), f"{tag} {said}".strip(" "))
            self.assertTrue(tagged.endswith(was.value.strip(b" ") + b"\r\n"))
        self.assertEqual(fields.tag_subject(tagged, tag, utf8=utf8), tagged)
