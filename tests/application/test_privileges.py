"""What root hands over to the user who serves, and what it does not."""

from __future__ import annotations

import os
import pwd

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from mailhost.application.privileges import give


class Giving(SynchronousTestCase):
    def setUp(self) -> None:
        if os.getuid() != 0:
            raise SkipTest("only root can give files away")
        self.nobody = pwd.getpwnam("nobody").pw_uid
        self.folder = self.mktemp()
        os.makedirs(os.path.join(self.folder, "data", "tls"))
        self.data = os.path.join(self.folder, "data")

    def file(self, *names: str) -> str:
        path = os.path.join(self.folder, *names)
        with open(path, "w"):
            return path

    def owner(self, path: str) -> int:
        return os.lstat(path).st_uid

    def test_the_folder_and_all_below(self) -> None:
        key = self.file("data", "tls", "key.pem")
        give("nobody", self.data)
        for path in (self.data, os.path.join(self.data, "tls"), key):
            self.assertEqual(self.nobody, self.owner(path), path)
        later = self.file("data", "lock")
        give("nobody", self.data)
        self.assertEqual(self.nobody, self.owner(later))

    def test_links_out_of_the_folder_are_traps(self) -> None:
        secret = self.file("secret")
        os.mkdir(os.path.join(self.folder, "other"))
        hidden = self.file("other", "hidden")
        os.symlink(os.path.abspath(secret), os.path.join(self.data, "soft"))
        os.symlink(os.path.abspath(os.path.dirname(hidden)), os.path.join(self.data, "folder"))
        os.link(secret, os.path.join(self.data, "hard"))
        give("nobody", self.data)
        for path in (secret, hidden, os.path.dirname(hidden)):
            self.assertEqual(0, self.owner(path), path)

    def test_without_a_user_nothing_changes(self) -> None:
        give("", self.data)
        self.assertEqual(0, self.owner(self.data))
