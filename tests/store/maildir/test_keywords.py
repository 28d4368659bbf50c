"""dovecot-keywords, and the letters in file names."""

from __future__ import annotations

import os
from pathlib import Path
from string import ascii_lowercase

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.system import OperatingSystem
from mailhost.store.maildir.dotlock import Dotlocks, LockTimeout
from mailhost.store.maildir.keywords import Keywords, KeywordsFile, can_be_keyword, parse
from tests.store.maildir.faulty import FaultySystem, each_fault


class KeywordsTests(SynchronousTestCase):
    def test_letters_and_names(self) -> None:
        known = parse(b"0 $Forwarded\n2 Work\n25 last\n")
        self.assertEqual(known.letter("$forwarded"), "a")
        self.assertEqual(known.letter("WORK"), "c")
        self.assertEqual(known.letter("\\seen"), "S")
        self.assertIsNone(known.letter("other"))
        self.assertIsNone(known.letter("\\Recent"))
        self.assertEqual(known.flags("DPSac"), ["\\Draft", "\\Seen", "$Forwarded", "Work"])
        self.assertEqual(known.name("z"), "last")
        self.assertIsNone(known.name("P"))
        self.assertIsNone(known.name("é"))

    def test_a_letter_without_a_line(self) -> None:
        known = parse(b"0 unknown-3\n")
        self.assertEqual(known.name("b"), "unknown-1")
        self.assertEqual(known.name("d"), "unknown-3?")
        self.assertEqual(known.letter("unknown-3"), "a")

    def test_letters_in_use_go_to_no_other_keyword(self) -> None:
        known, left = parse(b"1 Work\n").with_used("SaP").with_new(["new"])
        self.assertEqual(known.names[:3], ("unknown-0", "Work", "new"))
        self.assertEqual(left, [])

    def test_broken_lines(self) -> None:
        lines = b"26 a\n-1 b\nx c\n\n3\n4 \n00005 d\n6 good\r\n7 GOOD\n\xff e\n6 better\n8 good\n"
        known = parse(lines)
        self.assertEqual(known.names[6], "better")
        self.assertEqual(known.names[8], "good")
        self.assertEqual(sum(name is not None for name in known.names), 2)

    def test_names_that_no_client_can_say_are_kept_and_not_shown(self) -> None:
        known = parse("0 two words\n1 \xe9\n2 good\n".encode())
        self.assertEqual(known.shown[:4], ("unknown-0", "unknown-1", "good", ""))
        self.assertEqual(known.text(), "0 two words\n1 \xe9\n2 good\n")
        self.assertEqual(known.flags("abd"), ["unknown-0", "unknown-1", "unknown-3"])

    def test_new_ones_take_the_first_free_letter(self) -> None:
        known, left = parse(b"0 a\n2 c\n").with_new(["b", "B", "A", "d", "bad name", "", "\\x"])
        self.assertEqual(known.names[:5], ("a", "b", "c", "d", None))
        self.assertEqual(left, ["bad name", "", "\\x"])

    def test_26_and_no_more(self) -> None:
        names = [f"k{number}" for number in range(28)]
        known, left = Keywords().with_new(names)
        self.assertEqual(left, ["k26", "k27"])
        self.assertEqual([known.letter(name) for name in names[:26]], list(ascii_lowercase))

    def test_what_can_be_a_keyword(self) -> None:
        for name in ("$Junk", "NonJunk", "unknown-3?", "a.b", "x" * 250):
            self.assertTrue(can_be_keyword(name), name)
        for name in (
            "",
            "a b",
            "(",
            ")",
            "{",
            "%",
            "*",
            '"',
            "\\Seen",
            "]",
            "\x7f",
            "é",
            "x" * 251,
        ):
            self.assertFalse(can_be_keyword(name), name)

    @given(st.binary(max_size=200))
    def test_any_octets(self, octets: bytes) -> None:
        known = parse(octets)
        self.assertEqual(parse(known.text().encode("utf-8", "surrogateescape")), known)
        for letter in ascii_lowercase:
            name = known.name(letter)
            assert name is not None
            assert can_be_keyword(name)


class FileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = self.mktemp()
        os.makedirs(self.folder)
        self.folder = os.path.realpath(self.folder)
        self.path = Path(self.folder, "dovecot-keywords")
        self.lock = Dotlocks(OperatingSystem()).take(os.path.join(self.folder, "dovecot-uidlist"))
        self.addCleanup(self.lock.release)
        self.file = KeywordsFile(self.folder, OperatingSystem())

    def test_add(self) -> None:
        self.assertEqual(self.file.read(), Keywords())
        known, left = self.file.add(self.lock, ["$Forwarded", "bad name", "Work"])
        self.assertEqual((known.names[:2], left), (("$Forwarded", "Work"), ["bad name"]))
        self.assertEqual(self.path.read_text(), "0 $Forwarded\n1 Work\n")
        self.assertEqual(KeywordsFile(self.folder, OperatingSystem()).read(), known)

    def test_nothing_is_written_for_those_that_are_there(self) -> None:
        self.file.add(self.lock, ["Work"])
        before = self.path.stat()
        self.file.add(self.lock, ["work"])
        self.assertEqual(self.path.stat(), before)

    def test_what_another_program_wrote_is_seen(self) -> None:
        self.file.add(self.lock, ["Work"])
        Path(self.folder, "new").write_text("0 Other\n")
        os.rename(os.path.join(self.folder, "new"), self.path)
        self.assertEqual(self.file.read().names[0], "Other")
        self.path.unlink()
        self.assertEqual(self.file.read(), Keywords())

    def test_the_time_differs_by_seconds_after_each_change(self) -> None:
        """Dovecot reads the file again then alone."""
        times = []
        for name in ("a", "b", "c"):
            self.file.add(self.lock, [name])
            times.append(int(self.path.stat().st_mtime))
        self.assertEqual(len(set(times)), 3)

    def test_a_disk_that_fails_leaves_the_file_as_it_was(self) -> None:
        def run(system: FaultySystem) -> None:
            self.path.write_text("0 Work\n")
            try:
                KeywordsFile(self.folder, system).add(self.lock, ["new"])
            except OSError:
                self.assertIn(self.path.read_text(), ("0 Work\n", "0 Work\n1 new\n"))
                return
            self.assertEqual(self.path.read_text(), "0 Work\n1 new\n")

        self.assertGreater(each_fault(FaultySystem, run), 5)

    def test_without_the_lock_nothing_is_written(self) -> None:
        self.lock.release()
        self.assertRaises(LockTimeout, self.file.add, self.lock, ["Work"])
        self.assertFalse(self.path.exists())
