"""Expunged messages come back with their octets, flags and dates."""

from __future__ import annotations

import os

from mailhost.store.folders import tree
from mailhost.store.folders.refresh import refreshed
from mailhost.store.folders.removal import expunge
from mailhost.store.folders.undelete import Wanted, kept, restore
from tests.store.boxes import NOW
from tests.store.folders.mail_case import MailCase

LUNCH = b"From: bob@b.example\r\nSubject: =?utf-8?q?Mittagspause_f=C3=BCr?= Ann\r\n\r\nat 12\r\n"
OTHER = b"Subject: other\r\n\r\n\r\n"


class UndeleteTests(MailCase):
    def expunge(self, folder: str = "INBOX") -> None:
        path = self.path(folder)
        expunge(self.work, path, list(refreshed(self.work, path).view.uids), keep=True)

    def subjects(self, **wanted: object) -> list[str]:
        return [each.subject for each in kept(self.work, Wanted(**wanted))]  # type: ignore[arg-type]

    def setUp(self) -> None:
        super().setUp()
        tree.create(self.work, "a/b", "")
        self.add(LUNCH, flags=["\\Seen", "\\Deleted", "Work"], date=1_600_000_000)
        self.expunge()
        self.seconds += 3600
        self.add(OTHER, "a/b")
        self.expunge("a/b")

    def test_they_are_found_by_folder_time_and_subject(self) -> None:
        lunch, other = ["Mittagspause für Ann"], ["other"]
        self.assertEqual(self.subjects(), lunch + other)
        self.assertEqual(self.subjects(folder="a/b"), other)
        self.assertEqual(self.subjects(folder="INBOX"), lunch)
        self.assertEqual(self.subjects(before=NOW + 60), lunch)
        self.assertEqual(self.subjects(after=NOW + 60), other)
        self.assertEqual(self.subjects(subject="FÜR ann"), lunch)
        self.assertEqual(self.subjects(subject="nothing"), [])

    def test_they_come_back_where_they_were(self) -> None:
        found = list(kept(self.work, Wanted()))
        self.assertEqual(restore(self.work, found), {"INBOX": 1, "a/b": 1})
        self.assertEqual(self.texts(), {2: LUNCH})
        self.assertEqual(self.flags(), {2: ["Work", "\\Seen"]})
        self.assertEqual(list(refreshed(self.work, "").view.dates), [1_600_000_000])
        self.assertEqual(self.texts("a/b"), {2: OTHER})
        self.assertEqual(self.subjects(), [])
        self.assertEqual(os.listdir(os.path.join(self.root, "mailhost-expunged")), [])

    def test_into_a_folder_that_is_made(self) -> None:
        found = list(kept(self.work, Wanted()))
        self.assertEqual(restore(self.work, found, "Back"), {"Back": 2})
        self.assertEqual(list(self.texts("Back").values()), [LUNCH, OTHER])
        self.assertEqual(self.flags("Back")[1], ["Work", "\\Seen"])

    def test_a_folder_that_was_removed_is_made_again(self) -> None:
        tree.remove(self.work, "a/b")
        found = list(kept(self.work, Wanted(folder="a/b")))
        self.assertEqual(restore(self.work, found), {"a/b": 1})
        self.assertEqual(list(self.texts("a/b").values()), [OTHER])

    def test_a_message_with_bare_line_feeds(self) -> None:
        self.add(b"A: b\r\n\r\n")
        (name,) = os.listdir(os.path.join(self.root, "cur"))
        path = os.path.join(self.root, "cur")
        with open(os.path.join(path, "1.other,S=8:2,S"), "wb") as file:
            file.write(b"A: b\n\nx\n")
        os.unlink(os.path.join(path, name))
        self.seconds += 10
        self.expunge()
        found = list(kept(self.work, Wanted(folder="INBOX", after=self.seconds - 1)))
        restore(self.work, found)
        self.assertEqual(list(self.texts().values()), [b"A: b\r\n\r\nx\r\n"])
