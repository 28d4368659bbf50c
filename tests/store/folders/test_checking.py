"""`check` finds differences, and `rebuild` changes no UID."""

from __future__ import annotations

import os
import sqlite3

from mailhost.store.folders.account_work import attempt
from mailhost.store.folders.checking import FaultPlace, check, rebuild
from mailhost.store.folders.refresh import refreshed
from tests.store.folders.mail_case import MailCase


class CheckTests(MailCase):
    def setUp(self) -> None:
        super().setUp()
        for number in range(3):
            self.add(b"A: %d\r\n\r\n" % number, flags=["\\Seen"])
        self.cur = os.path.join(self.root, "cur")
        self.seconds += 10
        self.assertEqual(check(self.work), [])

    def found(self) -> list[tuple[str, FaultPlace, str]]:
        return [(each.folder, each.place, each.text) for each in check(self.work)]

    def rename(self, old: str, new: str) -> None:
        """Rename a file behind the back of a reader that believes mtimes."""
        times = os.stat(self.cur)
        os.rename(os.path.join(self.cur, old), os.path.join(self.cur, new))
        os.utime(self.cur, ns=(times.st_atime_ns, times.st_mtime_ns))

    def test_a_message_without_a_file(self) -> None:
        refreshed(self.work, "")
        (first, *_) = sorted(os.listdir(self.cur))
        self.rename(first, "../away")
        base = first.partition(":")[0]
        self.assertEqual(self.found(), [("INBOX", FaultPlace.CACHE, f"UID 1 has no file {base}")])
        rebuild(self.work)
        self.assertEqual(self.found(), [])
        self.assertEqual(list(self.texts()), [2, 3])

    def test_flags_that_differ_and_a_file_that_no_one_knows(self) -> None:
        (first, *_) = sorted(os.listdir(self.cur))
        self.rename(first, first.replace(":2,S", ":2,FS"))
        ((_, place, text),) = self.found()
        self.assertEqual(place, FaultPlace.CACHE)
        self.assertIn("has the flags :2,S, not cur/", text)

    def test_a_file_that_has_another_size_than_its_name_tells(self) -> None:
        (first, *_) = sorted(os.listdir(self.cur))
        with open(os.path.join(self.cur, first), "ab") as file:
            file.write(b"more")
        self.assertEqual(self.found(), [("INBOX", FaultPlace.FILE, f"cur/{first} has 12 octets")])

    def test_a_broken_uid_list(self) -> None:
        self.work.close()
        path = os.path.join(self.root, "dovecot-uidlist")
        with open(path, "rb") as file:
            lines = file.read().splitlines(keepends=True)
        with open(path, "wb") as file:
            file.writelines([*lines[:2], b"rubbish\n", lines[3]])
        found = self.found()
        self.assertEqual({place for _, place, _ in found}, {FaultPlace.UID_LIST})
        self.assertIn("it had lines that cannot be read", found[0][2])
        self.assertIn("its UID is 2", found[1][2])

    def test_many_differences_of_one_kind_are_bounded(self) -> None:
        for number in range(30):
            self.add(b"B: %d\r\n\r\n" % number)
        self.seconds += 10
        for name in os.listdir(self.cur):
            with open(os.path.join(self.cur, name), "ab") as file:
                file.write(b"x")
        found = self.found()
        self.assertEqual(len(found), 21)
        self.assertEqual(found[-1][2], "and 13 more")

    def test_a_directory_that_has_no_name(self) -> None:
        os.mkdir(os.path.join(self.root, ".a..b"))
        self.assertEqual([place for _, place, _ in self.found()], [FaultPlace.FOLDER])


class RebuildTests(MailCase):
    def test_uids_stay_and_modseqs_go_on(self) -> None:
        for number in range(3):
            self.add(b"A: %d\r\n\r\n" % number, flags=["\\Seen", "Work"])
        before = refreshed(self.work, "").view
        other = self.open_work(self.root)
        self.assertEqual(refreshed(other, "").view.uids, before.uids)
        self.assertEqual(rebuild(self.work), 3)
        for work in (self.work, other):
            view = refreshed(work, "").view
            self.assertEqual(view.uids, before.uids)
            self.assertEqual(view.uid_validity, before.uid_validity)
            self.assertEqual(view.flags, before.flags)
            self.assertGreater(view.highest_modseq, before.highest_modseq)

    def test_a_file_that_is_no_database(self) -> None:
        self.add(b"A: b\r\n\r\n")
        self.work.close()
        with open(os.path.join(self.root, "mailhost.db"), "wb") as file:
            file.write(b"x" * 5000)
        self.assertEqual(rebuild(self.work), 1)

    def test_a_cache_that_cannot_be_used(self) -> None:
        self.add(b"A: b\r\n\r\n")
        self.work.close()
        path = os.path.join(self.root, "mailhost.db")
        os.unlink(path)
        os.mkdir(path)
        ((_, place, text),) = ((each.folder, each.place, each.text) for each in check(self.work))
        self.assertEqual(place, FaultPlace.CACHE)
        self.assertIn(f"{path} is not used for now", text)
        with self.assertRaises(sqlite3.OperationalError):
            attempt(self.work, rebuild)
