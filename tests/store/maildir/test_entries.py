"""Listing a folder while other programs change it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailhost.store.maildir.entries import list_entries


class EntriesCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = self.mktemp()
        for name in ("new", "cur", "tmp"):
            os.makedirs(os.path.join(self.folder, name))
        self.real = os.listdir

    def made(self, *paths: str) -> None:
        for path in paths:
            Path(self.folder, path).touch()

    def renamed(self, old: str, new: str) -> None:
        os.rename(os.path.join(self.folder, old), os.path.join(self.folder, new))

    def before_listing(self, *changes: Callable[[], None]) -> None:
        """Call these before the first reading of a folder, the second, and so on."""
        left = list(changes)

        def listdir(path: str) -> list[str]:
            if left:
                left.pop(0)()
            return self.real(path)

        self.patch(os, "listdir", listdir)


class ListingTests(EntriesCase):
    def test_files(self) -> None:
        self.made("new/a,S=1", "cur/b:2,S", "cur/c", "new/.hidden", "cur/:2,S", "cur/n\nl", "tmp/t")
        found = list_entries(self.folder)
        self.assertEqual(found.files, {"a,S=1": "new/a,S=1", "b": "cur/b:2,S", "c": "cur/c"})
        self.assertEqual((found.gone, found.doubled), (frozenset(), ()))

    def test_folders_that_are_missing(self) -> None:
        os.rmdir(os.path.join(self.folder, "cur"))
        self.made("new/a")
        self.assertEqual(list_entries(self.folder).files, {"a": "new/a"})

    def test_who_is_gone(self) -> None:
        self.made("cur/a:2,S")
        found = list_entries(self.folder, {"a", "b"})
        self.assertEqual(found.gone, {"b"})

    def test_who_is_missed_once_is_not_gone(self) -> None:
        """As if readdir had left the file out while it was renamed."""
        self.made("cur/a:2,S")
        self.renamed("cur/a:2,S", "tmp/a")
        self.before_listing(
            lambda: None, lambda: None, lambda: self.renamed("tmp/a", "cur/a:2,FS"), lambda: None
        )
        found = list_entries(self.folder, {"a", "b"})
        self.assertEqual((found.files, found.gone), ({"a": "cur/a:2,FS"}, {"b"}))

    def test_a_message_moves_to_cur_between_the_two_readings(self) -> None:
        self.made("new/a")
        self.before_listing(lambda: None, lambda: self.renamed("new/a", "cur/a:2,S"))
        found = list_entries(self.folder, {"a"})
        self.assertEqual((found.files, found.doubled), ({"a": "cur/a:2,S"}, ()))

    def test_a_name_that_is_seen_twice(self) -> None:
        """As if readdir had returned both names of a file that is renamed."""
        for there in ("a:2,S", "a:2,FS"):
            self.made(f"cur/{there}")
            self.patch(
                os,
                "listdir",
                lambda path: ["a:2,S", "a:2,FS"] if path.endswith("cur") else [],
            )
            found = list_entries(self.folder)
            self.assertEqual((found.files, found.doubled), ({"a": f"cur/{there}"}, ()))
            os.unlink(os.path.join(self.folder, "cur", there))

    def test_two_files_with_one_base_name(self) -> None:
        self.made("cur/a:2,S", "cur/a:2,FS", "new/a")
        found = list_entries(self.folder)
        self.assertEqual(
            {*found.doubled, *found.files.values()}, {"cur/a:2,S", "cur/a:2,FS", "new/a"}
        )

    def test_a_folder_that_is_no_folder(self) -> None:
        os.rmdir(os.path.join(self.folder, "cur"))
        self.made("cur")
        self.assertRaises(NotADirectoryError, list_entries, self.folder)

    def test_many(self) -> None:
        names = [f"{number}.x:2,S" for number in range(12_000)]
        self.patch(os, "listdir", lambda path: names if path.endswith("cur") else [])
        self.assertEqual(len(list_entries(self.folder).files), 12_000)
