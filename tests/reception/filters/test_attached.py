"""Attachments are found by name, type and content, wherever they are hidden."""

from __future__ import annotations

import io
import zipfile
from base64 import encodebytes
from binascii import b2a_uu
from time import process_time

from mailhost.interfaces.verdict import PASS
from mailhost.message.mime.packed import MOST_NAMES
from tests.message.mime.archives import zipped
from tests.reception.filters.attachment_case import AttachmentCase
from tests.reception.filters.attachments import with_files, with_message, with_name

TNEF = b"\x78\x9f\x3e\x22\1\0"


class SelectionTests(AttachmentCase):
    """Attachments in messages, in texts and in TNEF."""

    def test_a_name_that_windows_shortens(self) -> None:
        for name in ("a.exe.", "a.exe ", "a.exe . .", "A.EXE"):
            self.assertTrue(self.look(with_name(name), names=("*.exe",)).reason, name)
        self.assertIs(self.look(with_name("a.exe.txt"), names=("*.exe",)), PASS)

    def test_a_name_that_programs_read_otherwise(self) -> None:
        for name in (
            *(
                "a.exe\u200b",
                "a.e\u202exe",
                "a.e\u00adxe",
                "a.exe::$DATA",
                "a.exe:b.txt",
                "x:a.exe",
            ),
            *(
                "a.exe. \t.",
                "a.exe\u00a0",
                "'a.exe'",
                "a.\uff45xe",
                "a\uff0eexe",
                "dir\\a.exe/",
                "a.ex%65",
            ),
        ):
            self.assertTrue(self.look(with_name(name), names=("a.exe",)).reason, ascii(name))
        for name in ("a.exe_", "a.exe.txt", "b.a.exe", "a.exe b.txt"):
            self.assertIs(self.look(with_name(name), names=("a.exe",)), PASS, name)

    def test_composites_that_hide_something(self) -> None:
        """Multiparts that programs read differently are refused, whatever their content."""
        for kind in (
            'multipart/(c)mixed; boundary="b"',
            'multipart / mixed; boundary="b"',
            "multipart/mixed; boundary=b(c)",
            "multipart/mixed; (c)boundary=x; boundary=b",
            "multipart/mixed; boundary=b; boundary*=''x",
        ):
            mail = f"Content-Type: {kind}\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n".encode()
            self.assertIn(
                "programs read differently", self.look(mail, names=("*.exe",)).reason, kind
            )

    def test_pieces_of_messages(self) -> None:
        mail = b"Content-Type: message/partial; id=x; number=1; total=2\r\n\r\n\r\nx\r\n"
        self.assertIn("a piece of a message", self.look(mail, names=("*.exe",)).reason)
        self.assertIs(self.look(mail, names=("*.exe",), look_inside=False), PASS)

    def test_external_bodies(self) -> None:
        kind = b"Content-Type: message/external-body; access-type=url; url=x\r\n\r\n"
        self.assertTrue(self.look(kind + with_name("a.exe"), names=("*.exe",)).reason)
        self.assertIs(self.look(kind + with_name("a.txt"), names=("*.exe",)), PASS)

    def test_messages_of_another_type(self) -> None:
        mail = with_files(mail_eml=with_files(a_exe=b"MZ"))
        for settings in ({"names": ("*.exe",)}, {"types": ("exe",)}):
            self.assertTrue(self.look(mail, **settings).reason, settings)
        self.assertIs(self.look(mail, names=("*.scr",)), PASS)

    def test_files_in_texts(self) -> None:
        packed = zipped(("a/b.exe", b"MZ"))
        for begin, octets, settings in (
            ("begin 644 x.exe", b"x", {"names": ("*.exe",)}),
            ("begin-base64 644 x.exe", b"", {"names": ("*.exe",)}),
            ("=ybegin line=128 size=1 name=x.exe", b"", {"names": ("*.exe",)}),
            ("begin 644 x.txt", b"MZ", {"types": ("exe",)}),
            ("begin 644 x.zip", packed, {"names": ("*.exe",)}),
        ):
            lines = [b2a_uu(octets[at : at + 45]) for at in range(0, len(octets), 45)]
            text = f"hi\r\n\r\n{begin}\r\n".encode() + b"".join(lines) + b"`\r\nend\r\n"
            for mail in (
                b"Subject: x\r\n\r\n" + text,
                b"Content-Transfer-Encoding: base64\r\n\r\n" + encodebytes(text),
            ):
                self.assertIn("in a text", self.look(mail, **settings).reason, begin)
                self.assertIs(self.look(mail, names=("*.scr",)), PASS)
        self.assertIs(self.look(b"\r\nbegin 2026 with joy.exe \r\n", names=("*.scr",)), PASS)

    def test_an_encoded_composite(self) -> None:
        """RFC 2045 §6.4 forbids an encoded multipart; some programs decode it."""
        inner = b"--b\r\n" + with_name("a.exe") + b"--b--\r\n"
        head = b"Content-Type: multipart/mixed; boundary=b\r\n"
        head += b"Content-Transfer-Encoding: base64\r\n\r\n"
        self.assertTrue(self.look(head + encodebytes(inner), names=("*.exe",)).reason)
        self.assertIs(self.look(head + encodebytes(inner), names=("*.scr",)), PASS)
        quoted = head.replace(b"base64", b"quoted-printable") + b"--b\r\n\r\na=20b\r\n--b--\r\n"
        self.assertIs(self.look(quoted, names=("*.exe",)), PASS)

    def test_base64_that_programs_read_differently(self) -> None:
        head = b"Content-Type: x/y\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        for body in (b"SGk=\r\nSGk=", b"=SGkh", b"SG!kh", b"SGkh\r\n-- \r\nfooter"):
            self.assertIn("base64", self.look(head + body, names=("*.exe",)).reason, body)
        for body in (b"SGk=\r\n", b"SG\r\n k", b"", b"SGkh\r\n", b"SGkhSA==  \r\n"):
            self.assertIs(self.look(head + body, names=("*.exe",)), PASS, body)

    def test_tnef(self) -> None:
        for name in (
            b"\x02\x10\x80\x01\x00\x06\0\0\0a.exe\0",
            b"\x1e\0\x07\x37\x01\0\0\0\x06\0\0\0a.exe\0",
            b"\x1f\0\x04\x37\x01\0\0\0\x0a\0\0\0" + "a.exe".encode("utf-16-le"),
            b"\x02\x0f\x80\x06\x00\xff\0\0\0" + zipped(("a.exe", b"x")),
        ):
            mail = with_files(winmail_dat=TNEF + b"junk" + name + b"more")
            verdict = self.look(mail, names=("*.exe",))
            self.assertRegex(verdict.reason, r"'a.exe.*' in the attachment 'winmail.dat'")
            self.assertIs(self.look(mail, names=("*.scr",)), PASS)
            packed = zipped(("winmail.dat", TNEF + name))
            self.assertTrue(self.look(with_files(a_zip=packed), names=("*.exe",)).reason)
        mail = with_files(winmail_dat=TNEF + b"\x02\x0f\x80\x06\x00\x02\0\0\0MZ")
        self.assertIn("a file that is exe", self.look(mail, types=("exe",)).reason)
        self.assertIs(self.look(mail, types=("elf",)), PASS)

    def test_inside_of_attached_messages(self) -> None:
        inner = with_files(a_exe=b"MZ")
        for encoding, body in (
            ("7bit", inner),
            ("base64", encodebytes(inner)),
            ("base64", encodebytes(with_message(encodebytes(inner), "base64"))),
        ):
            mail = with_message(body, encoding)
            for settings in ({"names": ("*.exe",)}, {"types": ("exe",)}):
                verdict = self.look(mail, **settings)
                self.assertIn("attach", verdict.reason, (encoding, settings))
                self.assertIs(self.look(mail, **settings, look_inside=False), PASS)
            self.assertIn("message/rfc822", self.look(mail, types=("message/*",)).reason)
            self.assertIs(self.look(mail, names=("*.scr",)), PASS)

    def test_many_levels_of_messages_in_messages(self) -> None:
        mail = with_files(a_txt=b"x")
        for _ in range(8):
            mail = with_message(encodebytes(mail), "base64")
        self.assertIn("more parts", self.look(mail, names=("*.exe",)).reason)


class ArchiveTests(AttachmentCase):
    """Attachments in archives."""

    def test_archives_behind_other_octets(self) -> None:
        """Programs look for the directory, which is at the end of an archive."""
        for before in (
            b"x",
            b"MZ" + b"\0" * 9000,
            b"GIF89a",
            b"%PDF-1.7",
            b"PK\3\4",
            b"PK\1\2" * 9,
        ):
            mail = with_files(a_gif=before + zipped(("a.exe", b"x")))
            self.assertIn("'a.exe' in", self.look(mail, names=("*.exe",)).reason, before[:8])

    def test_archives_in_archives(self) -> None:
        packed = zipped(("a.exe", b"x"))
        for depth in range(5):
            for before in (b"", b"junk"):
                mail = with_files(a_zip=zipped(("b.zip", before + packed), ("c.txt", b"y" * 99)))
                verdict = self.look(mail, names=("*.exe",))
                self.assertIn("'a.exe' in the attachment 'a.zip'", verdict.reason, depth)
                self.assertIs(self.look(mail, names=("*.scr",)), PASS)
            packed = zipped(("no name", packed))
        for _ in range(3):
            packed = zipped(("b.zip", packed))
        self.assertIn("more parts", self.look(with_files(a_zip=packed), names=("*.scr",)).reason)

    def test_archives_that_cannot_be_examined(self) -> None:
        """An encrypted archive in an archive, and one with an unknown compression."""
        packed = zipped(("b.zip", zipped(("a.exe", b"x"))))
        for at, octets in ((6, b"\1"), (8, b"\x63")):
            other = packed[:at] + octets + packed[at + 1 :]
            self.assertIn("more parts", self.look(with_files(a_zip=other), names=("*.exe",)).reason)
        plain = zipped(("b.txt", b"x" * 99))
        self.assertIs(
            self.look(with_files(a_zip=plain[:6] + b"\1" + plain[7:]), names=("*.exe",)), PASS
        )

    def test_an_archive_that_is_a_bomb(self) -> None:
        zeros = b"PK\3\4" + b"\0" * 50_000_000
        bomb = zipped(("a.zip", zeros))
        for packed in (bomb, bomb * 20, zipped(("a.txt", zeros[4:])) * 20):
            begun = process_time()
            self.look(with_files(a_zip=packed), names=("*.exe",))
            self.assertLess(process_time() - begun, 5)
        self.assertIn("more parts", self.look(with_files(a_zip=bomb), names=("*.exe",)).reason)

    def test_archives_that_lenient_programs_open(self) -> None:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("deep\\Virus.exe", b"x")
            archive.writestr("käse.exe.", b"x")
        octets = packed.getvalue()
        newer = octets.replace(b"PK\x01\x02\x14\x03\x14", b"PK\x01\x02\x14\x03\xff")
        for one in (octets, newer, octets[:-10], octets + b"!" * 70_000):
            verdict = self.look(with_files(a_zip=one), names=("*.exe",))
            self.assertIn("Virus.exe' in the attachment 'a.zip'", verdict.reason)
            self.assertTrue(self.look(with_files(a_zip=one), names=("k*.exe",)).reason)
            self.assertIs(self.look(with_files(a_zip=one), names=("*.scr",)), PASS)

    def test_an_archive_of_very_many_files(self) -> None:
        """An archive that cannot be examined in little time and memory is refused."""
        for length in (b"\1\0", b"\xff\xff"):
            header = b"PK\x01\x02" + b"\0" * 24 + length + b"\0" * 16 + b"a"
            packed = b"PK\x03\x04" + b"\0" * 26 + header * (MOST_NAMES // 2)
            mail = with_files(a_zip=packed, b_zip=packed)
            begun = process_time()
            self.assertIn("more parts", self.look(mail, names=("*.exe",)).reason)
            self.assertLess(process_time() - begun, 10)
        mail = with_files(a_zip=packed)
        self.assertIs(self.look(mail, names=("*.exe",)), PASS)
        long = b"PK\x03\x04" + b"\0" * 22 + b"\x00\x10\0\0" + b"x" * 4092 + b".exe"
        self.assertIn("xx.exe", self.look(with_files(a_zip=long), names=("*.exe",)).reason)
