"""The text of dovecot-uidlist."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.store.maildir.uid_list import (
    LARGEST,
    Extensions,
    Header,
    UidList,
    UidsExhausted,
    can_be_listed,
    extensions_of,
    fields_of,
    parse,
)

GUID = "0123456789abcdef0123456789abcdef"
HEAD = f"3 V1700000000 N1 G{GUID}\n"
FIRST_LINES = {
    # Dovecot's
    f"3 V1700000000 N7 G{GUID}": Header(1700000000, 7, GUID),
    f"3 V1 N7 G{GUID.upper()}": Header(1, 7, GUID),
    # with fields that are unknown here
    f"3 V1 N7 G{GUID} P%u X1:2": Header(1, 7, GUID, ("P%u", "X1:2")),
    # by pymap, with CRLF
    f"3 V1 N7 G{GUID}\r": Header(1, 7, GUID),
    # before it had a GUID
    "3 V1 N7": Header(1, 7),
    # Courier's, and old Dovecots'
    "1 1700000000 7": Header(1700000000, 7, version=1),
}
NO_HEADERS = (
    b"",
    b"3 V1 N7",  # half a line
    b"\n",
    b"3\n",
    b"3 N7\n",
    b"3 V0 N7\n",
    b"3 V-1 N7\n",
    b"3 V4294967296 N7\n",
    b"3 V1_0 N7\n",
    b"2 V1 N7\n",
    b"1 7\n",
    b"1 x 7\n",
    b"33 V1 N7\n",
    b"\xff\xfe\n",
)


def read(text: str) -> UidList:
    """A list that must have a header."""
    found = parse(text.encode("utf-8", "surrogateescape"))
    assert found is not None, text
    return found


class HeaderTests(SynchronousTestCase):
    def test_first_lines(self) -> None:
        for line, header in FIRST_LINES.items():
            found = read(f"{line}\n")
            self.assertEqual((found.header, found.damaged), (header, False), line)

    def test_none(self) -> None:
        for octets in NO_HEADERS:
            self.assertIsNone(parse(octets), octets)

    def test_a_header_without_its_next_uid_or_with_a_broken_guid_is_mended(self) -> None:
        for line in ("3 V7", "3 V7 N0", "3 V7 Nx", "3 V7 N1 G12", f"3 V7 N2 G{GUID}0"):
            found = read(f"{line}\n5 :a\n")
            self.assertTrue(found.damaged, line)
            self.assertEqual((found.header.uid_validity, found.next_uid), (7, 6))
            self.assertEqual(found.header.guid, "")


class LineTests(SynchronousTestCase):
    def test_the_next_uid_is_above_the_header_and_the_last_line(self) -> None:
        self.assertEqual(read(f"3 V1 N9 G{GUID}\n").next_uid, 9)
        self.assertEqual(read(f"3 V1 N9 G{GUID}\n4 :a\n").next_uid, 9)
        self.assertEqual(read(f"3 V1 N1 G{GUID}\n4 :a\n8 :b\n").next_uid, 9)

    def test_lines(self) -> None:
        found = read(HEAD + "3 S10 W12 Pabc :a,S=1\n7 :b\n8 W3 Z.x:y :c d\n")
        self.assertEqual(found.uids, {"a,S=1": 3, "b": 7, "c d": 8})
        self.assertEqual(found.extensions, {3: "S10 W12 Pabc", 8: "W3 Z.x:y"})
        self.assertEqual((found.lines, found.last_uid, found.damaged), (3, 8, False))

    def test_version_1(self) -> None:
        found = read("1 1700000000 9\n3 a,S=1\n7 b c:2,S\n")
        self.assertEqual(found.uids, {"a,S=1": 3, "b c": 7})
        self.assertTrue(found.needs_rewriting)
        self.assertFalse(found.damaged)
        self.assertTrue(found.text().startswith("3 V1700000000 N9\n3 :a,S=1\n"))

    def test_crlf(self) -> None:
        found = read((HEAD + "3 W5 :a\n7 :b\n").replace("\n", "\r\n"))
        self.assertEqual((found.uids, found.extensions), ({"a": 3, "b": 7}, {3: "W5"}))
        self.assertFalse(found.damaged)

    def test_flags_are_no_part_of_a_base_name(self) -> None:
        self.assertEqual(read(HEAD + "3 :a:2,S\n").uids, {"a": 3})

    def test_half_a_last_line_is_left_out(self) -> None:
        for end in ("8", "8 ", "8 :", "8 :b", "\0\0\0"):
            found = read(HEAD + "7 :a\n" + end)
            self.assertEqual((found.uids, found.next_uid), ({"a": 7}, 8), end)
            self.assertFalse(found.damaged)

    def test_a_repeated_name_replaces_the_one_before(self) -> None:
        found = read(HEAD + "3 Pold :a\n4 :b\n5 :a\n")
        self.assertEqual((found.uids, found.extensions), ({"b": 4, "a": 5}, {}))
        self.assertEqual(list(found.uids), ["b", "a"])
        self.assertTrue(found.damaged)

    def test_broken_lines_are_left_out(self) -> None:
        lines = (
            "2 :falls",
            "3 :equal",
            "0 :zero",
            "-4 :minus",
            "x :letter",
            "4:no blank",
            "5",
            "6 :",
            "7 :a/b",
            "8 :nul\0",
            "",
            ":",
            "9_9 :underscore",
            "\u0664 :digits of another script",
            f"{LARGEST + 1} :large",
            "99999999999 :larger",
            "9" * 5000 + " :more digits than int() takes",
        )
        for line in lines:
            found = read(f"{HEAD}3 :good\n{line}\n10 :also\n")
            self.assertEqual(found.uids, {"good": 3, "also": 10}, line)
            self.assertTrue(found.damaged, line)
            self.assertEqual(read(found.text()).damaged, False)

    def test_fields_without_a_key_are_left_out(self) -> None:
        for fields in ("s5", "5", "W5 x", "é"):
            found = read(f"{HEAD}3 {fields} :a\n")
            self.assertEqual(found.uids, {"a": 3})
            self.assertEqual(found.extensions, {3: "W5"} if "W5" in fields else {})
            self.assertTrue(found.damaged)

    def test_several_blanks(self) -> None:
        found = read(HEAD + "3  W5  Px  :a\n")
        self.assertEqual((found.uids, found.extensions), ({"a": 3}, {3: "W5 Px"}))


class AddTests(SynchronousTestCase):
    def test_the_uids_rise(self) -> None:
        found = read(f"3 V1 N5 G{GUID}\n3 :a\n")
        self.assertEqual([found.add("b"), found.add("c", "W3")], [5, 6])
        self.assertEqual(found.text(), f"3 V1 N7 G{GUID}\n3 :a\n5 :b\n6 W3 :c\n")
        self.assertEqual(found.lines_from(6), "6 W3 :c\n")

    def test_the_last_uid(self) -> None:
        found = UidList(Header(1, LARGEST, GUID))
        self.assertEqual(found.add("a"), LARGEST)
        self.assertRaises(UidsExhausted, found.add, "b")
        self.assertEqual(read(found.text()).uids, {"a": LARGEST})

    def test_names_that_no_line_can_hold(self) -> None:
        for base in ("", "a/b", "a:2,S", "a\nb", "a\r", "a\0"):
            self.assertFalse(can_be_listed(base))
            self.assertRaises(ValueError, read(HEAD).add, base)

    def test_extensions(self) -> None:
        values = Extensions(864, 887, "POP-1", 4, GUID)
        self.assertEqual(extensions_of(fields_of(values)), values)
        self.assertEqual(fields_of(Extensions()), "")
        self.assertEqual(extensions_of("Sx W-1 O1 O2 Qq P"), Extensions(None, None, "", 1))


lines_of_any_kind = st.lists(
    st.one_of(
        st.text("0123456789: SWPG,/\r\tab\u00e9\udcff\0", max_size=12),
        st.builds("{} :{}".format, st.integers(0, 99), st.sampled_from("abcd")),
        st.builds("{} W{} :{}".format, st.integers(0, 99), st.integers(), st.text(max_size=3)),
    )
)
bases = st.text(st.characters(blacklist_characters="/:\0\r\n", max_codepoint=0x3000), min_size=1)


class AnyTextTests(SynchronousTestCase):
    @given(st.binary())
    def test_any_octets(self, octets: bytes) -> None:
        found = parse(octets)
        assert found is None or found.header.uid_validity

    @given(st.sampled_from(["3", "1"]), lines_of_any_kind)
    def test_what_was_read_is_written_whole(self, version: str, lines: list[str]) -> None:
        head = HEAD if version == "3" else "1 7 1\n"
        found = read(head + "".join(f"{line}\n" for line in lines))
        uids = list(found.uids.values())
        self.assertEqual(uids, sorted(set(uids)))
        self.assertGreater(found.next_uid, max(uids, default=0))
        again = read(found.text())
        self.assertEqual((again.uids, again.next_uid), (found.uids, found.next_uid))
        self.assertEqual(again.extensions, found.extensions)
        self.assertFalse(again.damaged)

    @given(lines_of_any_kind)
    def test_plain_lines_are_read_as_all_others(self, lines: list[str]) -> None:
        """A broken line at the end keeps all from being read the fast way."""
        text = HEAD + "".join(f"{line}\n" for line in lines)
        fast, slow = read(text), read(f"{text}x/\n")
        self.assertEqual(fast.uids, slow.uids)
        self.assertEqual(fast.extensions, slow.extensions)

    @given(st.dictionaries(bases, st.sampled_from(["", "W5", "S1 Pa:b"])))
    def test_what_was_written_is_read(self, items: dict[str, str]) -> None:
        written = UidList(Header(1, 3, GUID, ("Xother",)))
        for base, fields in items.items():
            written.add(base, fields)
        found = read(written.text())
        self.assertEqual(found.uids, written.uids)
        self.assertEqual(found.extensions, written.extensions)
        self.assertEqual(found.header.others, ("Xother",))
        self.assertFalse(found.needs_rewriting)
