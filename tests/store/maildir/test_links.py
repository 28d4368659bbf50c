"""Symbolic links in a Maildir: those of other users lead to nothing."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from mailhost.store.folders.mtimes import mtimes_of
from mailhost.store.maildir.folder import all_mailboxes
from mailhost.store.maildir.folder_names import find_folders
from mailhost.store.maildir.usage import usage


class LinkTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.mail = os.path.abspath(self.mktemp())
        for account in ("ann", "bob"):
            for name in ("new", "cur", "tmp"):
                os.makedirs(os.path.join(self.mail, "a.example", account, name))
        self.ann = os.path.join(self.mail, "a.example", "ann")
        self.bob = os.path.join(self.mail, "a.example", "bob")
        with open(os.path.join(self.bob, "cur", "1.M1.x,S=5,W=5:2,"), "w") as file:
            file.write("bob's")
        os.symlink(self.bob, os.path.join(self.ann, ".Bob"))

    def belongs_to_another(self) -> None:
        """Let the links not be the host's, though the test's user made them."""
        self.patch(os, "geteuid", lambda: os.getuid() + 1)
        lstat = os.lstat(os.path.join(self.ann, ".Bob"))
        if lstat.st_uid == 0:
            os.lchown(os.path.join(self.ann, ".Bob"), 12345, 12345)

    def test_those_of_the_host(self) -> None:
        self.assertEqual(set(find_folders(self.ann).directories), {"INBOX", "Bob"})
        self.assertEqual(usage(self.ann), 5)

    def test_those_of_another_user(self) -> None:
        self.belongs_to_another()
        self.assertEqual(set(find_folders(self.ann).directories), {"INBOX"})
        self.assertEqual(usage(self.ann), 0)
        self.assertNotIn(os.path.join(self.ann, ".Bob"), list(all_mailboxes(self.mail)))

    def test_a_link_within_a_folder(self) -> None:
        os.rmdir(os.path.join(self.ann, "cur"))
        os.rename(os.path.join(self.ann, ".Bob"), os.path.join(self.ann, "link"))
        os.unlink(os.path.join(self.ann, "link"))
        os.symlink(os.path.join(self.bob, "cur"), os.path.join(self.ann, "cur"))
        self.assertTrue(mtimes_of(self.ann).cur)
        self.patch(os, "geteuid", lambda: os.getuid() + 1)
        if os.getuid() == 0:
            os.lchown(os.path.join(self.ann, "cur"), 12345, 12345)
        self.assertRaises(PermissionError, mtimes_of, self.ann)
