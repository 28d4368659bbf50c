"""The usage of an account: the messages of all its folders, each once, and no other files."""

from __future__ import annotations

import os

from mailhost.store.maildir.usage import usage
from tests.store.maildir.test_files import FilesCase


class UsageTests(FilesCase):
    def folder(self, name: str) -> None:
        """Make a folder below the inbox."""
        os.makedirs(os.path.join(self.path, name, "cur"))

    def test_nothing_there(self) -> None:
        self.assertEqual(usage(self.path), 0)
        self.assertEqual(usage(self.mktemp()), 0)

    def test_names_are_believed(self) -> None:
        self.put("msg.1,S=1000,W=1010")
        self.put("msg.2,S=200:2,S", "new")
        self.assertEqual(usage(self.path), 1200)

    def test_other_files_are_measured(self) -> None:
        self.put("msg.1", data=b"\n" * 30)
        self.put("msg.2,W=7", data=b"\n" * 4)
        self.assertEqual(usage(self.path), 34)

    def test_all_folders_count(self) -> None:
        self.folder(".Sent")
        self.folder(".Sent.2023")
        self.folder("no-folder")
        for place in ("cur", ".Sent/cur", ".Sent.2023/cur", "no-folder/cur"):
            self.put("msg.1,S=5", place)
        self.put("msg.2,S=1000", "tmp")
        self.assertEqual(usage(self.path), 15)

    def test_what_is_no_message_does_not_count(self) -> None:
        self.put(".index", data=b"x" * 500)
        os.mkdir(os.path.join(self.path, "cur", "folder"))
        self.put("dovecot.index", "..", b"x" * 500)
        self.assertEqual(usage(self.path), 0)

    def test_one_that_is_renamed_meanwhile_counts_once(self) -> None:
        self.put("msg.1,S=7:2,")
        os.link(
            os.path.join(self.path, "cur", "msg.1,S=7:2,"),
            os.path.join(self.path, "new", "msg.1,S=7"),
        )
        self.when_read(lambda: self.rename("msg.1,S=7:2,", "msg.1,S=7:2,S"))
        self.assertEqual(usage(self.path), 7)

    def test_one_that_goes_meanwhile(self) -> None:
        path = self.put("msg.1,S=7")
        self.put("msg.2", data=b"four")
        self.when_read(lambda: os.unlink(path))
        self.assertEqual(usage(self.path), 4)

    def test_what_cannot_be_read_is_an_error(self) -> None:
        os.rmdir(os.path.join(self.path, "cur"))
        self.put("cur", "", b"a file")
        with self.assertRaises(NotADirectoryError):
            usage(self.path)
