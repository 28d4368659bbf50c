"""Reports in messages, gzip and ZIP."""

from __future__ import annotations

import gzip
import io
import tracemalloc
import zipfile
import zlib

from twisted.trial.unittest import SynchronousTestCase

from mailhost.aggregate_reports.report import BadReport
from mailhost.aggregate_reports.unpack import file_of_message, unpack
from mailhost.dmarc_reports.unpack import XML
from tests.dmarc_reports.samples import NEW, gzipped, message


def archive(method: int, *files: tuple[str, bytes]) -> bytes:
    """A ZIP archive."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", method) as opened:
        for name, content in files:
            opened.writestr(name, content)
    return output.getvalue()


class UnpackingTests(SynchronousTestCase):
    """The attachments of reporters."""

    def test_gzip(self) -> None:
        self.assertEqual(file_of_message(gzipped(), XML), NEW)

    def test_zip(self) -> None:
        for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
            packed = archive(method, ("readme.txt", b"text"), ("r.xml", NEW))
            found = file_of_message(message(packed, "r.zip", "application/zip"), XML)
            self.assertEqual(found.strip(), NEW.strip())

    def test_plain_as_octet_stream(self) -> None:
        found = file_of_message(message(NEW, "r.xml", "application/octet-stream"), XML)
        self.assertEqual(found, NEW)

    def test_message_that_is_the_attachment(self) -> None:
        whole = b"Content-Type: application/gzip\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        self.assertEqual(file_of_message(whole + gzip.compress(NEW), XML), NEW)

    def test_no_report(self) -> None:
        for text in (b"Subject: hello\r\n\r\nhello", message(b"nothing"), b""):
            self.assertIn(
                "no attachment", str(self.assertRaises(BadReport, file_of_message, text, XML))
            )

    def test_broken_gzip(self) -> None:
        broken = b"\x1f\x8b\x08\x00" + b"\xff" * 50
        self.assertIn("broken", str(self.assertRaises(BadReport, unpack, broken, XML)))


class BombTests(SynchronousTestCase):
    """Files that unpack to much more than they are."""

    def check(self, packed: bytes) -> None:
        """Unpacking is refused, and takes little memory."""
        tracemalloc.start()
        try:
            error = self.assertRaises(BadReport, unpack, packed, XML)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        self.assertIn("more than", str(error))
        self.assertLess(peak, 3 * XML.largest)

    def test_gzip_of_ten_gigabytes(self) -> None:
        # one piece of zeros, compressed once and repeated
        packing = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
        start = packing.compress(b"<feedback>") + packing.flush(zlib.Z_FULL_FLUSH)
        piece = packing.compress(bytes(1 << 24)) + packing.flush(zlib.Z_FULL_FLUSH)
        self.check(start + piece * 600)

    def test_zip(self) -> None:
        self.check(archive(zipfile.ZIP_DEFLATED, ("r.xml", b"<" + bytes(2 * XML.largest))))
