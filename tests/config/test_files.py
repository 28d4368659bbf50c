"""Files that cannot be read: the remedy is the one that helps."""

from __future__ import annotations

import os
import shutil
import tempfile

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from mailhost.config.files import unreadable


class UnreadableTests(SynchronousTestCase):
    """The words for each."""

    def setUp(self) -> None:
        self.folder = os.path.realpath(tempfile.mkdtemp())  # trial's folders may be closed
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)
        os.makedirs(os.path.join(self.folder, "there"))

    def text(self, name: str) -> str:
        path = os.path.join(self.folder, name)
        try:
            with open(path, "rb") as file:
                file.read(1)
        except OSError as error:
            return unreadable(path, error)
        raise AssertionError(f"{path} can be read")

    def make(self, name: str, mode: int = 0o600) -> str:
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8"):
            pass
        os.chmod(path, mode)
        return path

    def test_files_and_folders_that_do_not_exist(self) -> None:
        self.assertIn("there is no such file", self.text("there/key.pem"))
        self.assertIn(f"there is no folder {self.folder}/here", self.text("here/or/key.pem"))
        os.symlink("../gone.pem", os.path.join(self.folder, "there", "link.pem"))
        self.assertIn("a link to ../gone.pem, which is not there", self.text("there/link.pem"))

    def test_folders_and_files_in_each_others_place(self) -> None:
        self.assertIn("it is a folder", self.text("there"))
        self.make("file")
        self.assertIn(f"{self.folder}/file is a file, not a folder", self.text("file/key.pem"))

    def test_files_that_our_user_may_not_read(self) -> None:
        if os.geteuid() != 0:
            raise SkipTest("only root can become somebody else")
        closed = os.path.join(self.folder, "there")
        os.chmod(closed, 0o700)
        self.make("there/key.pem")
        self.make("key.pem")
        os.seteuid(65534)
        try:
            behind, alone = self.text("there/key.pem"), self.text("key.pem")
        finally:
            os.seteuid(0)
        self.assertRegex(behind, f"the user \\w+ may not enter the folder {closed}; ")
        self.assertRegex(alone, "the user \\w+ may not read it; ")
