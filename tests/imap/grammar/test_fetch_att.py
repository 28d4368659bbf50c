"""The items of FETCH."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.imap.grammar.cursor import BadSyntax
from mailhost.imap.grammar.fetch_att import read_items
from mailhost.imap.grammar.fetch_items import (
    Attribute,
    BinarySection,
    BinarySize,
    BodySection,
    FetchItem,
    Partial,
    Preview,
    SectionText,
)
from tests.imap.grammar.reading import cursor

HEADER, TEXT, MIME = SectionText.HEADER, SectionText.TEXT, SectionText.MIME
FIELDS, FIELDS_NOT = SectionText.FIELDS, SectionText.FIELDS_NOT
SECTIONS: tuple[tuple[bytes, FetchItem], ...] = (
    (b"BODY[]", BodySection(b"BODY[]")),
    (b"body.peek[]", BodySection(b"BODY[]", peek=True)),
    (b"BODY[HEADER]", BodySection(b"BODY[HEADER]", text=HEADER)),
    (b"BODY[text]", BodySection(b"BODY[TEXT]", text=TEXT)),
    (b"BODY[1]", BodySection(b"BODY[1]", (1,))),
    (b"BODY[2.1.3]", BodySection(b"BODY[2.1.3]", (2, 1, 3))),
    (b"BODY[2.HEADER]", BodySection(b"BODY[2.HEADER]", (2,), HEADER)),
    (b"BODY[2.TEXT]", BodySection(b"BODY[2.TEXT]", (2,), TEXT)),
    (b"BODY[2.1.MIME]", BodySection(b"BODY[2.1.MIME]", (2, 1), MIME)),
    (
        b"BODY[HEADER.FIELDS (Date From)]",
        BodySection(b"BODY[HEADER.FIELDS (Date From)]", (), FIELDS, ("Date", "From")),
    ),
    (
        b'BODY.PEEK[1.HEADER.FIELDS.NOT ("To")]',
        BodySection(b"BODY[1.HEADER.FIELDS.NOT (To)]", (1,), FIELDS_NOT, ("To",), peek=True),
    ),
    (
        b"BODY[]<0.2048>",
        BodySection(b"BODY[]<0>", partial=Partial(0, 2048)),
    ),
    (
        b"BODY.PEEK[1]<393216.131072>",
        BodySection(b"BODY[1]<393216>", (1,), partial=Partial(393216, 131072), peek=True),
    ),
    (b"RFC822", BodySection(b"RFC822")),
    (b"RFC822.HEADER", BodySection(b"RFC822.HEADER", text=HEADER, peek=True)),
    (b"RFC822.TEXT", BodySection(b"RFC822.TEXT", text=TEXT)),
    (b"BINARY[]", BinarySection(b"BINARY[]")),
    (b"BINARY.PEEK[1.2]<5.6>", BinarySection(b"BINARY[1.2]<5>", (1, 2), Partial(5, 6), True)),
    (b"BINARY.SIZE[3]", BinarySize(b"BINARY.SIZE[3]", (3,))),
    (b"PREVIEW", Preview()),
    (b"PREVIEW (LAZY)", Preview(lazy=True)),
)


class ItemTests(SynchronousTestCase):
    def test_attributes(self) -> None:
        for item in Attribute:
            self.assertEqual((item,), read_items(cursor(item.value.lower())))

    def test_sections(self) -> None:
        for text, item in SECTIONS:
            here = cursor(text)
            self.assertEqual((item,), read_items(here))
            self.assertTrue(here.at_end(), text)

    def test_lists(self) -> None:
        text = b"(" + b" ".join(text for text, _ in SECTIONS) + b")"
        self.assertEqual(tuple(item for _, item in SECTIONS), read_items(cursor(text)))

    def test_an_item_is_answered_once(self) -> None:
        items = read_items(cursor(b"(FLAGS BODY[] FLAGS BODY BODY[])"))
        self.assertEqual((Attribute.FLAGS, BodySection(b"BODY[]"), Attribute.BODY), items)

    def test_macros(self) -> None:
        fast = (Attribute.FLAGS, Attribute.INTERNALDATE, Attribute.SIZE)
        self.assertEqual(fast, read_items(cursor(b"fast")))
        self.assertEqual((*fast, Attribute.ENVELOPE), read_items(cursor(b"ALL")))
        full = (*fast, Attribute.ENVELOPE, Attribute.BODY)
        self.assertEqual(full, read_items(cursor(b"FULL")))

    def test_no_items(self) -> None:
        for text in (
            b"", b"()", b"(FAST)", b"FOO", b"BODY[", b"BODY[0]", b"BODY[1.]", b"BODY[1.0]",
            b"BODY[MIME]", b"BODY[HEADER.FIELDS]", b"BODY[HEADER.FIELDS ()]", b"BODY[1.FOO]",
            b"BODY[]<0>", b"BODY[]<0.0>", b"BODY[]<.5>", b"BODY.PEEK", b"BINARY", b"BINARY[TEXT]",
            b"BODY[HEADER.FIELDS (a:)]", b"BODY[12345678901]", b"PREVIEW (FOO)", b"(FLAGS",
            b"BODY[HEADER.FIELDS (\"a b\")]", b"BODY[" + b"1." * 100 + b"1]",
            b"BODY[1.HEADER.MIME]",
        ):  # fmt: skip
            self.assertRaises(BadSyntax, read_items, cursor(text))
