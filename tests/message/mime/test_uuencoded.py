"""Files in texts: uuencode and yEnc."""

from __future__ import annotations

from binascii import b2a_uu

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.mime.uuencoded import FileInText, files_in_text

pieces = st.lists(
    st.sampled_from(
        [b"\n", b"begin 644 x\n", b"begin-base64 644 y\n", b"=ybegin name=y\n", b"end\n"]
    )
    | st.binary(max_size=40),
    max_size=30,
).map(b"".join)


class FileTests(SynchronousTestCase):
    def test_each_form(self) -> None:
        for text, name, octets in (
            (b"begin 644 a b.exe\r\n" + b2a_uu(b"MZ") + b"`\r\nend\r\n", "a b.exe", b"MZ"),
            (b"begin-base64 644 a.exe\nTVo=\n====\nend\n", "a.exe", b"MZ"),
            (b"=ybegin line=128 size=1 name=a.exe\nMZ\n=yend\n", "a.exe", b""),
        ):
            found = list(files_in_text(b"hello\r\n" + text + b"bye\r\n"))
            self.assertEqual(found, [FileInText(name, octets)])

    def test_several_files_and_one_without_its_end(self) -> None:
        first = b"begin 644 a\n" + b2a_uu(b"one")
        found = list(files_in_text(first + b"begin 644 b\n" + b2a_uu(b"two") + b"`\nend\n"))
        self.assertEqual(found, [FileInText("a", b"one"), FileInText("b", b"two")])

    def test_text_that_is_no_file(self) -> None:
        for text in (b"begin 2026 with joy", b"we begin 644 x\n", b"begin 644 \n", b""):
            self.assertEqual([each.octets for each in files_in_text(text)][1:], [], text)

    @given(pieces)
    def test_any_octets(self, octets: bytes) -> None:
        self.assertLessEqual(len(list(files_in_text(octets))), octets.count(b"begin"))
