"""The `subscriptions` file in both of its forms."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.system import OperatingSystem
from mailhost.store.maildir.dotlock import Dotlocks, LockTimeout
from mailhost.store.maildir.folder_names import UnfitName, can_be_shown, canonical, directory_of
from mailhost.store.maildir.subscriptions import Subscriptions, SubscriptionsFile, parse
from tests.store.maildir.faulty import FaultySystem, each_fault

NEW = "V\t2\n\nINBOX\nSent\na\tb\nEntw&APw-rfe\n"
OLD = "INBOX\nSent\na.b\nEntw&APw-rfe\n"
NAMES = ["INBOX", "Sent", "a/b", "Entw\xfcrfe"]


fit_names = st.text(max_size=8).filter(lambda name: not isinstance(directory_of(name), UnfitName))


class TextTests(SynchronousTestCase):
    def test_both_forms(self) -> None:
        for text in (NEW, OLD):
            found = parse(text.encode())
            self.assertEqual(found.names(), NAMES)
            self.assertEqual(found.text(), text)

    def test_an_empty_file_and_none_become_a_new_one(self) -> None:
        self.assertEqual(parse(b"").changed(["a/b"]).text(), "V\t2\n\na\tb\n")

    def test_each_keeps_its_form(self) -> None:
        for text, line in ((NEW, "x\ty\n"), (OLD, "x.y\n")):
            found = parse(text.encode()).changed(add=["x/y", "Sent"], remove=["a/b"])
            self.assertEqual(found.names(), ["INBOX", "Sent", "Entw\xfcrfe", "x/y"])
            self.assertTrue(found.text().endswith(line))

    def test_inbox_in_any_case(self) -> None:
        found = parse(b"inbox\nInbox\nInbox.x\n")
        self.assertEqual(found.names(), ["INBOX", "INBOX/x"])
        more = found.changed(["INBOX", "inbox/X"])
        self.assertEqual(more.names(), ["INBOX", "INBOX/x", "INBOX/X"])
        self.assertEqual(found.changed(remove=["INBOX"]).lines, ("Inbox.x",))

    def test_the_case_of_others_counts(self) -> None:
        self.assertEqual(parse(OLD.encode()).changed(remove=["sent"]).text(), OLD)

    def test_lines_that_are_no_names_stay(self) -> None:
        text = "V\t2\n\n\na\n\t\nb\t\t\n&broken\n\x01t\x01\x01x\n"
        found = parse(text.encode())
        self.assertEqual(found.names(), ["a", "&broken"])
        self.assertEqual(found.changed(["c"], ["a"]).text(), text.replace("a\n", "", 1) + "c\n")

    def test_no_line_feed_at_the_end(self) -> None:
        self.assertEqual(parse(b"a\nb").names(), ["a", "b"])
        self.assertEqual(parse(b"a\nb").changed(["c"]).text(), "a\nb\nc\n")

    def test_crlf(self) -> None:
        self.assertEqual(parse(OLD.replace("\n", "\r\n").encode()).names(), NAMES)

    @given(st.binary(max_size=200) | st.binary(max_size=200).map(b"V\t2\n\n".__add__))
    def test_any_octets(self, octets: bytes) -> None:
        found = parse(octets)
        self.assertTrue(all(map(can_be_shown, found.names())))
        again = parse(found.text().encode("utf-8", "surrogateescape"))
        self.assertEqual(again.names(), found.names())
        more = found.changed(["x/y"])
        self.assertEqual(set(more.names()), {*found.names(), "x/y"})
        self.assertNotIn("x/y", more.changed(remove=["x/y"]).names())

    @given(st.lists(fit_names))
    def test_what_was_added_is_read(self, names: list[str]) -> None:
        for tabs in (True, False):
            text = Subscriptions(tabs=tabs).changed(names).text()
            found = parse(text.encode("utf-8", "surrogateescape"))
            self.assertEqual(found.names(), list(dict.fromkeys(map(canonical, names))))


class FileTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = self.mktemp()
        os.makedirs(folder)
        self.folder = os.path.realpath(folder)
        self.path = Path(self.folder, "subscriptions")
        self.file = self.of(OperatingSystem())

    def of(self, system: OperatingSystem) -> SubscriptionsFile:
        return SubscriptionsFile(self.folder, system, Dotlocks(OperatingSystem()))

    def test_change(self) -> None:
        self.assertEqual(self.file.read().names(), [])
        self.file.change(["a/b", "Sent"])
        self.assertEqual(self.file.change(["c"], ["a/b"]).names(), ["Sent", "c"])
        self.assertEqual(self.file.read().names(), ["Sent", "c"])
        self.assertEqual(os.listdir(self.folder), ["subscriptions"])

    def test_nothing_is_written_without_a_change(self) -> None:
        self.file.change(["a"])
        before = self.path.stat()
        self.file.change(["a"], ["b"])
        self.assertEqual(self.path.stat(), before)

    def test_another_program_has_the_lock(self) -> None:
        Path(f"{self.path}.lock").touch()
        file = SubscriptionsFile(self.folder, OperatingSystem(), Dotlocks(OperatingSystem()), 0.01)
        self.assertRaises(LockTimeout, file.change, ["a"])

    def test_a_disk_that_fails_leaves_the_file_as_it_was(self) -> None:
        def run(system: FaultySystem) -> None:
            self.path.write_text(OLD)
            try:
                self.of(system).change(["new"])
            except OSError:
                self.assertIn(self.path.read_text(), (OLD, f"{OLD}new\n"))

        self.assertGreater(each_fault(FaultySystem, run), 4)
