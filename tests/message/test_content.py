"""The octets of a message are the same for any pieces and any way to read them."""

from __future__ import annotations

import errno
import gc
import os
import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.content import (
    HEADER_LIMIT,
    LARGEST_KNOWN_HEADER,
    Content,
    ContentWriter,
    FileSlice,
    OpenFile,
    content_of_file,
)

Parts = list[tuple[bool, bytes]]
parts = st.lists(st.tuples(st.booleans(), st.binary(max_size=20)), max_size=6)


class ContentCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())
        os.mkdir(self.folder)

    def content_of(self, pieces: Parts) -> Content:
        """Return a content of these pieces; those with True are in files."""
        return Content(tuple(self.slice_of(data) if in_file else data for in_file, data in pieces))

    def slice_of(self, data: bytes) -> FileSlice:
        path = os.path.join(self.folder, "piece")
        with open(path, "wb") as file:
            file.write(b"before" + data + b"after")
        piece = FileSlice(OpenFile(os.open(path, os.O_RDONLY)), 6, len(data))
        os.unlink(path)
        return piece

    def open_files(self) -> int:
        gc.collect()
        return len(os.listdir("/dev/fd"))


class ReadTests(ContentCase):
    @settings(deadline=None)
    @given(parts, st.integers(1, 9), st.integers(0, 60))
    def test_any_pieces_read_in_any_way_are_the_same(
        self, pieces: Parts, size: int, limit: int
    ) -> None:
        whole = b"".join(data for _, data in pieces)
        content = self.content_of(pieces)
        chunks = list(content.chunks(size))
        self.assertEqual(b"".join(chunks), whole)
        self.assertLessEqual(max(map(len, chunks), default=0), size)
        self.assertEqual(content.size, len(whole))
        self.assertEqual(content.read(), whole)
        self.assertEqual(content.read(limit), whole[:limit])
        self.assertEqual(content.after(b"top").read(), b"top" + whole)

    @settings(deadline=None)
    @given(parts, st.integers(0, 70), st.integers(0, 70))
    def test_slices(self, pieces: Parts, start: int, end: int) -> None:
        whole = b"".join(data for _, data in pieces)
        piece = self.content_of(pieces).slice(start, end)
        self.assertEqual(piece.read(), whole[start:end])
        self.assertEqual(piece.size, len(whole[start:end]))

    @settings(deadline=None)
    @given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a: b", b"\r\n\r\n"]), max_size=8))
    def test_the_header_ends_at_the_first_empty_line(self, lines: list[bytes]) -> None:
        whole = b"".join(lines)
        content = Content(tuple(whole[n : n + 1] for n in range(len(whole))))
        wanted = (b"\r\n" + whole).partition(b"\r\n\r\n")[0][2:]
        if b"\r\n\r\n" in b"\r\n" + whole:
            wanted += b"\r\n" if wanted else b""
        self.assertEqual(content.header(), wanted)

    def test_headers(self) -> None:
        for whole, header in {
            b"A: 1\r\nB: 2\r\n\r\nbody\r\n\r\n": b"A: 1\r\nB: 2\r\n",
            b"\r\nbody: no field\r\n\r\n": b"",
            b"A: 1\r\n": b"A: 1\r\n",
            b"": b"",
        }.items():
            self.assertEqual(Content((whole,)).header(), header)

    def test_a_header_without_end_is_cut(self) -> None:
        for body in (b"x" * (HEADER_LIMIT + 5) + b"\r\n\r\n", b"x" * 3 * HEADER_LIMIT):
            self.assertEqual(len(Content((body,)).header()), HEADER_LIMIT)

    @given(st.lists(st.sampled_from([b"A: b", b"\r\n", b"\r", b"\n", b" c", b"\r\n\r\n"])))
    def test_the_known_header_is_the_header_that_would_be_read(self, parts: list[bytes]) -> None:
        content = Content((b"".join(parts),))
        header = content.header()
        for top in (b"Top: 1\r\n", b"Top: 1\r\nTop: 2\r\n"):
            remembered = content.after(top, header)
            self.assertEqual(content.after(top), remembered)
            self.assertEqual(content.after(top).header(), remembered.header())

    def test_a_large_header_is_not_kept(self) -> None:
        content = Content((b"X: " + b"y" * LARGEST_KNOWN_HEADER + b"\r\n\r\nbody",))
        self.assertIsNone(content.after(b"Top: 1\r\n", content.header()).known)

    def test_a_file_that_became_shorter_is_an_error(self) -> None:
        path = os.path.join(self.folder, "m")
        with open(path, "wb") as file:
            file.write(b"0123456789")
        content = content_of_file(path, 2)
        self.assertEqual(content.read(), b"23456789")
        os.truncate(path, 5)
        self.assertRaises(OSError, content.read)

    def test_a_file_is_closed_with_its_last_slice(self) -> None:
        path = os.path.join(self.folder, "m")
        with open(path, "wb") as file:
            file.write(b"0123456789")
        before = self.open_files()
        content = content_of_file(path)
        part = content.slice(3, 5)
        del content
        self.assertEqual(self.open_files(), before + 1)
        self.assertEqual(part.read(), b"34")
        del part
        self.assertEqual(self.open_files(), before)

    def test_a_file_that_is_not_there(self) -> None:
        self.assertRaises(FileNotFoundError, content_of_file, os.path.join(self.folder, "no"))


class WriterTests(ContentCase):
    @settings(deadline=None, max_examples=60)
    @given(st.lists(st.binary(max_size=20), max_size=8), st.integers(0, 60))
    def test_any_chunks_with_any_memory(self, chunks: list[bytes], memory: int) -> None:
        writer = ContentWriter(self.folder, memory)
        for chunk in chunks:
            writer.write(chunk)
        whole = b"".join(chunks)
        content = writer.finish()
        self.assertEqual((writer.size, content.size, content.read()), (len(whole),) * 2 + (whole,))
        in_memory = all(isinstance(piece, bytes) for piece in content.pieces)
        self.assertEqual(in_memory, len(whole) <= memory)

    def test_small_chunks_take_little_more_memory_than_their_octets(self) -> None:
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        writer = ContentWriter(self.folder, 100_000)
        for number in range(10_000):
            writer.add(b"%05d" % number)
        held, _ = tracemalloc.get_traced_memory()
        self.assertLess(held, 70_000)
        self.assertEqual(50_000, writer.finish().size)

    def test_nothing_is_left_in_the_folder(self) -> None:
        before = self.open_files()
        writer = ContentWriter(self.folder, 4)
        writer.write(b"0123456789")
        self.assertEqual(os.listdir(self.folder), [])
        content = writer.finish()
        del writer
        self.assertEqual(content.read(), b"0123456789")
        del content
        self.assertEqual(self.open_files(), before)

    def test_a_full_disk(self) -> None:
        def full(fd: int, data: bytes) -> int:
            raise OSError(errno.ENOSPC, "full")

        before = self.open_files()
        writer = ContentWriter(self.folder, 4)
        writer.write(b"0123")
        self.patch(os, "write", full)
        error = self.assertRaises(OSError, writer.write, b"4")
        self.assertEqual(error.errno, errno.ENOSPC)
        del writer, error
        self.assertEqual(self.open_files(), before)
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_folder_that_is_not_there_is_made(self) -> None:
        writer = ContentWriter(os.path.join(self.folder, "no"), 0)
        writer.write(b"x")
        self.assertEqual(writer.finish().read(), b"x")

    def test_a_folder_that_cannot_be_made(self) -> None:
        with open(os.path.join(self.folder, "file"), "w"):
            pass
        writer = ContentWriter(os.path.join(self.folder, "file"), 0)
        self.assertRaises(OSError, writer.write, b"x")

    def test_a_write_that_takes_only_a_part_goes_on(self) -> None:
        writer = ContentWriter(self.folder, 0)
        self.patch(os, "write", lambda fd, data, write=os.write: write(fd, data[:3]))
        writer.write(b"0123456789")
        self.assertEqual(writer.finish().read(), b"0123456789")
