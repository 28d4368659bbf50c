"""The kinds of files, recognized by their first octets."""

from __future__ import annotations

import io
import zipfile

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.mime.kinds import Kind, kind_of

few = settings(deadline=None)


def zip_of(*files: str) -> bytes:
    """Return a ZIP archive of files with these names."""
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w") as archive:
        for name in files:
            text = "application/vnd.oasis.opendocument.text" if name == "mimetype" else "x"
            archive.writestr(name, text)
    return octets.getvalue()


class KindTests(SynchronousTestCase):
    def test_signatures(self) -> None:
        for head, wanted in {
            b"": "empty",
            b"MZ\x90\0": "exe",
            b"\x7fELF\2": "elf",
            b"\xcf\xfa\xed\xfe": "mach-o",
            b"\xca\xfe\xba\xbe\0\0\0\x37": "class",
            b"#!/bin/sh\n": "script",
            b"@ECHO OFF\r\n": "batch",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "ole2",
            b"%PDF-1.7": "pdf",
            b"junk\n%PDF-1.7": "pdf",
            b"{\\rtf1": "rtf",
            b"Rar!\x1a\x07\x01\0": "rar",
            b"7z\xbc\xaf\x27\x1c": "7z",
            b"\x1f\x8b\x08": "gzip",
            b"\0" * 257 + b"ustar": "tar",
            b"\xff\xd8\xff\xe0": "jpeg",
            b"\x89PNG\r\n\x1a\n": "png",
            b"GIF89a": "gif",
            b"RIFF\0\0\0\0WEBPVP8": "webp",
            b"\0\0\0\x18ftypmp42": "mp4",
            b"BM\0\0": "bmp",
            b"  <!-- a --> <!-- <b> -->\r\n<HTML>": "html",
            b"<?xml version='1.0'?><!DOCTYPE html>": "html",
            b"\xef\xbb\xbf<!doctype html>": "html",
            "\ufeff<script>".encode("utf-16-le"): "html",
            b"<?xml version='1.0'?>\n<svg>": "svg",
            b"<?xml version='1.0'?><a:b>": "xml",
            b"Dear <html>": "text",
            "Grüße".encode(): "text",
            b"\0\1\2\3": "unknown",
            b"\1\2\3": "unknown",
        }.items():
            self.assertEqual(kind_of(head), wanted, head)

    def test_zip_archives_of_documents(self) -> None:
        for files, wanted in {
            (): "zip",
            ("a.txt",): "zip",
            ("keyword/a.xml",): "zip",
            ("[Content_Types].xml", "word/document.xml"): "ooxml",
            ("xl/workbook.xml",): "ooxml",
            ("mimetype", "content.xml"): "opendocument",
            ("META-INF/MANIFEST.MF",): "jar",
        }.items():
            self.assertEqual(kind_of(zip_of(*files)), wanted, files)

    def test_hostile(self) -> None:
        for head in (b"<!---->" * 600, b"<!--" * 1000, b"<?" * 2000, b"PK\x03\x04" * 1000):
            self.assertIn(kind_of(head), Kind)

    @few
    @given(st.binary(max_size=300))
    def test_any_octets(self, head: bytes) -> None:
        self.assertIn(kind_of(head), Kind)
