"""The tree of parts and its offsets, for valid and for broken messages."""

from __future__ import annotations

from email import message_from_bytes, policy

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.mime.structure import Limits, Part, parse
from tests.message.mime.messages import broken, messages

few = settings(deadline=None)
NESTED = b"""From: a
Content-Type: multipart/mixed; boundary="b x"

pre
--b x
Content-Type: multipart/alternative;
 boundary=b

--b
Content-Type: text/plain; charset=utf-8

Hi
--bb
--b \t
Content-Type: text/html
Content-Transfer-Encoding: Quoted-Printable

<p>
--b--
epi
--b x
Content-Disposition: Attachment; filename=x
Content-Type: message/rfc822

Subject: x

hi
--b x--
end
"""


def shape(part: Part) -> object:
    """Return the types of a tree."""
    return (part.type, *map(shape, part.parts)) if part.parts else part.type


class TreeTests(SynchronousTestCase):
    def check(self, message: bytes, limits: Limits | None = None) -> Part:
        """Return the tree. The offsets of parts must be inside of those of the part around them."""
        root = parse(message, limits or Limits())
        self.assertEqual((root.start, root.end), (0, len(message)))
        for _, part in root.walk():
            self.assertTrue(part.start <= part.body <= part.end, part)
            at = part.body
            for inside in part.parts:
                self.assertTrue(at <= inside.start and inside.end <= part.end, part)
                at = inside.end
        return root

    def bodies(self, message: bytes) -> list[bytes]:
        return [message[part.body : part.end] for part in self.check(message).parts]

    def test_nested(self) -> None:
        for message in (NESTED, NESTED.replace(b"\n", b"\r\n")):
            root = self.check(message)
            self.assertEqual(
                shape(root),
                (
                    "multipart/mixed",
                    ("multipart/alternative", "text/plain", "text/html"),
                    "message/rfc822",
                ),
            )
            found = dict(root.walk())
            self.assertEqual([*found], [(), (1,), (1, 1), (1, 2), (2,)])
            text = found[1, 1]
            self.assertEqual(message[text.body : text.end].replace(b"\r\n", b"\n"), b"Hi\n--bb")
            self.assertEqual(found[1, 2].encoding, "quoted-printable")
            self.assertEqual(found[2,].disposition, "attachment")
            self.assertEqual(found[2,].name, "x")

    def test_attached_messages_are_parsed_on_demand(self) -> None:
        root = self.check(NESTED, Limits(messages=True))
        inner = dict(root.walk())[2, 1]
        self.assertEqual(NESTED[inner.start : inner.end], b"Subject: x\n\nhi")
        deep = b"Content-Type: message/rfc822\r\n\r\n" * 60
        self.assertTrue(any(part.cut for _, part in self.check(deep, Limits(messages=True)).walk()))
        coded = deep.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n")
        self.assertEqual(self.check(coded, Limits(messages=True)).parts, ())

    def test_the_line_break_in_front_of_a_delimiter_is_part_of_it(self) -> None:
        head = b"Content-Type: multipart/x; boundary=b\r\n\r\n"
        for body, wanted in {
            b"--b\r\n\r\nHi\r\n\r\n--b--": [b"Hi\r\n"],
            b"--b\r\n\r\nHi\n--b--": [b"Hi"],
            b"--b\r\n\r\nHi\r\r\n--b--": [b"Hi\r"],
            b"--b\r\n\r\n--b--": [b""],
            b"--b\r\n--b--": [b""],
            b"--b\r\nA: b\r\n--b--": [b""],
            b"--b\r\nA: b\r\n\r\n--b--": [b""],
            b"--b": [b""],
            b"--b\r\n\r\nHi": [b"Hi"],
            b"--b\r\n\r\nHi\r\n": [b"Hi\r\n"],
            b"--b\r\n\r\nHi\r\n--b \t \r\n\r\nyou\r\n--b-- \r\n--b\r\n\r\nx": [b"Hi", b"you"],
            b"--b--\r\n": [],
            b" --b\r\nx--b\r\n-b\r\n--c\r\n": [],
            b"--b\r\n\r\nHi\r\n--bc\r\n--b-\r\n--b---\r\n--b": [
                b"Hi\r\n--bc\r\n--b-\r\n--b---",
                b"",
            ],
        }.items():
            self.assertEqual(self.bodies(head + body), wanted, body)

    def test_outer_delimiters_end_inner_parts(self) -> None:
        message = NESTED.replace(b"--b--\nepi\n", b"")
        root = self.check(message)
        self.assertEqual(len(root.parts), 2)
        inner = dict(root.walk())[1, 2]
        self.assertEqual(message[inner.body : inner.end], b"<p>")

    def test_defaults(self) -> None:
        for field in (b"", b"Content-Type:\n", b"Content-Type: text\n", b"Content-Type: ; a=b\n"):
            self.assertEqual(parse(field + b"\nHi").type, "text/plain")
        self.assertEqual(parse(b"Content-Type: multipart/mixed\n\n--\nHi").parts, ())
        digest = (
            b"Content-Type: multipart/digest; boundary=b\n\n--b\n\nA: b\n\n--b\nContent-Type: x"
        )
        self.assertEqual([each.type for each in parse(digest).parts], ["message/rfc822", TEXT])
        self.assertEqual(parse(b"").end, 0)
        self.assertEqual(parse(b"content-TYPE : Text/HTML (c); x=y\n\n").type, "text/html")

    def test_a_boundary_is_octets(self) -> None:
        for boundary, line in {
            b'"\xff"': b"\xff",
            b'"=?utf-8?q?x?="': b"=?utf-8?q?x?=",
            b'"a\\"b"': b'a"b',
            b'"a b "': b"a b",
            b"a;\n boundary=b": b"a",
            b'"a': b"a",
        }.items():
            head = b"Content-Type: multipart/x; boundary=" + boundary + b"\n\n--"
            self.assertEqual(len(parse(head + line + b"\n\nHi").parts), 1, boundary)
        parts = b"Content-Type: multipart/x; boundary*0=a; boundary*1=b\n\n--ab\n\nHi"
        self.assertEqual(len(parse(parts).parts), 1)

    def test_fields_that_programs_read_differently(self) -> None:
        """Some programs read the first field of a name, others the last, which may hide a part."""
        two = b"Content-Type: multipart/mixed; boundary=a; boundary=b\r\n\r\n--a\r\n\r\nx\r\n--a--"
        self.assertFalse(parse(two).whole)
        for name in ("Content-Type", "content-transfer-encoding", "Content-Disposition"):
            head = f"{name}: text/x; a=b\r\nX: y\r\n{name.title()}: %s\r\n\r\n"
            self.assertFalse(parse((head % "multipart/mixed").encode()).whole, name)
            self.assertFalse(parse((head % "text/x; name=a.exe").encode()).whole, name)
            self.assertTrue(parse((head % "Text/X;  A=b").encode()).whole, name)
        self.assertTrue(parse(b"Content-Type: text/x\r\n" * 9 + b"\r\n").whole)
        self.assertFalse(parse(b"Content-Type: text/x\r\n" * 10 + b"\r\n").whole)
        self.assertTrue(parse(b"Content-Type: text/x\r\nContent-Type: text/html\r\n\r\n").whole)
        inner = b"Content-Type: x/y\r\nContent-Type: x/z\r\n\r\n"
        tree = parse(b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n" + inner)
        self.assertEqual((tree.cut, tree.parts[0].cut, tree.whole), (False, True, False))
        same = b"Content-Type: multipart/mixed; boundary=a; BOUNDARY=a\r\n\r\n--a\r\n\r\nx"
        self.assertTrue(parse(same).whole)

    def test_types_that_programs_read_differently(self) -> None:
        """The parts of a composite are found however its type is written, and the part is `cut`."""
        for kind in (
            "multipart/(c)mixed",
            "(c)multipart/mixed",
            "multi(c)part/mixed",
            "multipart / mixed",
            "multipart/ mixed",
            '"multipart/mixed"',
            'multipart/"mixed"',
            "multipart/mixed x",
            "multipart",
            "multipart/",
            "multipart/mixed/x",
            "multipart/(a(b\\)c)mixed",
        ):
            head = f"Content-Type: {kind}; boundary=a\r\n\r\n--a\r\nContent-Type: x/y\r\n\r\nz"
            tree = self.check(head.encode())
            self.assertEqual(
                ([each.type for each in tree.parts], tree.whole), (["x/y"], False), kind
            )
        for kind in (
            *("x", "x/y/z", "x/y name=a.exe", "image/ png", '"x/y"', "message / rfc822"),
            *("; multipart/mixed; boundary=a", ";boundary=a", "boundary=a"),
        ):
            self.assertFalse(parse(f"Content-Type: {kind}\r\n\r\n".encode()).whole, kind)
        for kind in (
            *("", "text", "text/plain (c)", "text/plain(c)", "text/html charset=x", "text / html"),
            *("image/png (c)", "Multipart/Mixed ; boundary=a", "x/y;", ";x=y"),
        ):
            self.assertTrue(parse(f"Content-Type: {kind}\r\n\r\n".encode()).whole, kind)

    def test_boundaries_that_programs_read_differently(self) -> None:
        for written, line in {
            "a(c)": "a(c)",
            "a (c)": "a",
            "a b": "a b",
            "(c)a": "(c)a",
            '"a" (c)': "a",
            '"a"b': "a",
            '"a': "a",
            '"a\\b"': "ab",
            "'a'": "'a'",
            '"=?utf-8?q?a?="': "=?utf-8?q?a?=",
            '"ä"': "ä",
            f'"{"a" * 300}"': "a" * 300,
            "a; (c)boundary=b": "a",
            "a; boundary=b": "a",
            'a; x="; boundary=b': "a",
        }.items():
            message = f"Content-Type: multipart/x; boundary={written}\r\n\r\n--{line}\r\n\r\nHi"
            tree = self.check(message.encode())
            self.assertEqual((len(tree.parts), tree.whole), (1, False), written)
        for written in (
            "*=utf-8''a",
            "*0=a",
            "*0*=''a",
            " (c)=a",
            '=""',
            "=",
            "s=a",
            "*0=a; boundary*0=b",
        ):
            message = f"Content-Type: multipart/x; boundary{written}\r\n\r\n--a\r\n\r\nHi"
            self.assertFalse(self.check(message.encode()).whole, written)
        for written in (
            '"a"',
            "a",
            "a;",
            '"a" ',
            "----=_Next.Part_0:1/2?3+4,5",
            '"a b"',
            'a; x="(y)"',
        ):
            line = written.strip('"; ').partition(";")[0]
            message = f"Content-Type: multipart/x; boundary={written}\r\n\r\n--{line}\r\n\r\nHi"
            tree = self.check(message.encode())
            self.assertEqual((len(tree.parts), tree.whole), (1, True), written)

    def test_lines_that_only_begin_with_a_delimiter(self) -> None:
        """RFC 2046 §5.1.1 allows programs to read such lines as delimiters."""
        head = b"Content-Type: multipart/x; boundary=b\r\n\r\n--b\r\n\r\nHi\r\n"
        for line in (b"--bc", b"--b-", b"--b---", b"--b--c", b"--b c", b"--b\0", b"--b (c)"):
            tree = self.check(head + line + b"\r\nContent-Type: x/y\r\n\r\nz\r\n--b--")
            self.assertEqual((len(tree.parts), tree.whole), (1, False), line)
        for line in (b"--", b"--a", b"--B", b"-b", b" --b", b"--b \t", b"---b", b"x--b"):
            self.assertTrue(self.check(head + line + b"\r\n--b--").whole, line)
        inner = b"Content-Type: multipart/x; boundary=bc\r\n\r\n--bc\r\n\r\nHi\r\n--bc--\r\n"
        self.assertFalse(self.check(head + b"--b\r\n" + inner + b"--b--").whole)

    def test_delimiters_in_an_epilogue(self) -> None:
        """Some programs read more parts there."""
        head = b"Content-Type: multipart/x; boundary=b\r\n\r\n--b\r\n"
        text = head + b"\r\nHi\r\n--b--\r\n"
        part = b"Content-Type: x/y\r\n\r\nz\r\n--b--\r\n"
        for line in (b"--b\r\n", b"--b \t\n", b"\r\nx\r\n--b\r\n"):
            tree = self.check(text + line + part)
            self.assertEqual((len(tree.parts), tree.whole), (1, False), line)
        for line in (b"--b--\r\n", b"--a\r\n", b"x--b\r\n", b"-- \r\nAnn\r\n"):
            self.assertTrue(self.check(text + line + part).whole, line)
        inner = b"Content-Type: multipart/x; boundary=c\r\n\r\n--c\r\n\r\nHi\r\n--c--\r\n"
        self.assertTrue(self.check(head + inner + b"--b\r\n" + inner + b"--b--").whole)
        self.assertFalse(self.check(head + inner + b"--c\r\n" + part + b"--b--").whole)

    def test_encodings_that_programs_read_differently(self) -> None:
        head = "Content-Type: {}\r\nContent-Transfer-Encoding: {}\r\n\r\n"
        for encoding, read in {
            '"base64"': "base64",
            "base 64": "base64",
            "base64 x": "base64",
            "(c)base64": "base64",
            "base-64": "base-64",
            "x-what": "x-what",
        }.items():
            part = parse(head.format("x/y", encoding).encode())
            self.assertEqual((part.encoding, part.whole), (read, False), encoding)
            self.assertTrue(parse(head.format("text/plain", encoding).encode()).whole)
            self.assertFalse(parse(head.format("text/plain; name=x", encoding).encode()).whole)
        for encoding in ("", "Base64", "base64 (c)", "base64;", "8-bit", "7bits", "x-uue"):
            self.assertTrue(parse(head.format("x/y", encoding).encode()).whole, encoding)

    def test_names_that_programs_put_together_differently(self) -> None:
        head = "Content-Type: x/y\r\nContent-Disposition: attachment; {}\r\n\r\n"
        for written in (
            "filename*0=a.exe; filename*2=.txt",
            "filename*1=a.exe",
            "filename*0=a.exe; filename*0=.txt",
            "filename*00=a.exe",
            "x=y;" * 201 + "filename=a.exe",
        ):
            self.assertFalse(parse(head.format(written).encode()).whole, written)
        self.assertTrue(parse(head.format("filename*1=b; filename*0=a").encode()).whole)

    def test_limits(self) -> None:
        head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        root = self.check(head + b"--b\r\n\r\nx\r\n" * 100, Limits(parts=10))
        self.assertEqual((len(root.parts), root.cut), (9, True))
        self.assertFalse(self.check(head + b"--b\r\n\r\nx\r\n" * 9, Limits(parts=10)).cut)
        nested = b"".join(
            b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i)
            for i in range(1000)
        )
        parts = [part for _, part in self.check(nested).walk()]
        self.assertEqual((len(parts), parts[-1].cut), (51, True))
        long = self.check(b'Content-Type: multipart/mixed; x="' + b"y" * 20_000 + b'"; boundary=b')
        self.assertTrue(long.cut)
        self.assertTrue(self.check(head + b"--b\r\n\r\nx\r\n--b--\r\n" * 9, Limits(lines=5)).cut)
        fields = self.check(head + (b"--b\r\n" + head) * 99, Limits(fields=1000))
        self.assertTrue(any(part.cut for _, part in fields.walk()))

    def test_large_and_hostile(self) -> None:
        head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        for message in (
            head + b"--\n" * 300_000,
            head + b"--b\r\n\r\n" * 300_000,
            head + (b"a" * 76 + b"\r\n") * 100_000,
            (head + b"--b\r\n") * 20_000,
            b"Content-Type: x/y" + b";a*=x" * 200_000 + b"\r\n" + head,
            b'Content-Type: x/y;a="' + b'\\"' * 200_000 + b"\r\n" + head,
            b"Content-Type: x/y;a=" + b"=?a?q?" * 200_000 + b"\r\n" + head,
            b"Content-Type: x/y;a=" + b" (" * 200_000 + b"\r\n" + head,
            b"a: x\r\n" * 200_000 + head,
        ):
            self.check(message)

    @few
    @given(st.binary(max_size=200) | broken)
    @example(b"\n\n")
    @example(b"\r\n--b")
    def test_any_octets_give_a_tree(self, message: bytes) -> None:
        self.check(message)
        self.check(message, Limits(depth=2, parts=4, messages=True))

    @few
    @given(messages)
    def test_the_standard_library_reads_the_same_tree(self, message: bytes) -> None:
        read = message_from_bytes(message, policy=policy.default)
        parts = [part for _, part in self.check(message).walk()]
        described = [(part.type, part.name) for part in parts]
        self.assertEqual(
            described, [(each.get_content_type(), each.get_filename("")) for each in read.walk()]
        )
        bodies = [message[part.body : part.end] for part in parts if not part.multipart]
        theirs = [
            each.get_payload(decode=False).encode("ascii", "surrogateescape")  # type: ignore[union-attr]
            for each in read.walk()
            if not each.is_multipart()
        ]
        self.assertEqual(bodies, theirs)


TEXT = "text/plain"
