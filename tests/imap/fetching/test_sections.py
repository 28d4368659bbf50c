"""BINARY of large parts, which are decoded in blocks."""

from __future__ import annotations

import base64
import os

from twisted.trial.unittest import SynchronousTestCase

from mailhost.imap.fetching.sections import section_data
from mailhost.imap.grammar.fetch_items import BinarySection, Partial
from mailhost.message.content import Content, content_of_file
from mailhost.message.imap.part_offsets import BodyPart
from mailhost.message.imap.reader import ContentReader, MemoryReader

SIZE = 300_000


class BinaryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.octets = os.urandom(SIZE - 1) + b"\0"
        self.encoded = base64.encodebytes(self.octets)
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(self.encoded)
        self.content: Content = content_of_file(path)
        self.root = BodyPart(0, 0, len(self.encoded), encoding="base64")

    def item(self, partial: Partial | None) -> BinarySection:
        return BinarySection(b"BINARY[1]", (1,), partial, True)

    def test_as_of_a_small_part_that_is_decoded_at_once(self) -> None:
        for partial in (None, Partial(0, 5), Partial(70_000, 130_000), Partial(SIZE - 3, 10)):
            item = self.item(partial)
            chunks = list(section_data(item, ContentReader(self.content), self.root))
            memory = MemoryReader(self.encoded)
            self.assertEqual(
                b"".join(chunks), b"".join(section_data(item, memory, self.root)), partial
            )
            wanted = self.octets
            if partial is not None:
                wanted = wanted[partial.offset : partial.offset + partial.size]
            self.assertEqual(b"".join(chunks[1:]), wanted)
            self.assertLess(max(map(len, chunks)), 1 << 17)

    def test_what_begins_behind_the_end_is_empty(self) -> None:
        item = self.item(Partial(SIZE, 10))
        chunks = section_data(item, ContentReader(self.content), self.root)
        self.assertEqual(b"".join(chunks), b'BINARY[1] ""')
