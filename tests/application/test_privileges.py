"""The change from root to the user of the settings, and the data folder made for that user."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from mailhost.application.privileges import (
    WrongFolder,
    as_other_owner,
    as_owner,
    as_user,
    check_data_folder,
    check_owner,
    make_data_folder,
    only_roots,
)


class AsRoot(SynchronousTestCase):
    """A folder that all may enter, and a user who is not root."""

    def setUp(self) -> None:
        if os.getuid() != 0:
            raise SkipTest("only root can become somebody else")
        self.nobody = pwd.getpwnam("nobody")
        self.folder = os.path.realpath(tempfile.mkdtemp(dir="/var/tmp"))
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)
        self.data = os.path.join(self.folder, "data")

    def give(self, path: str) -> None:
        os.chown(path, self.nobody.pw_uid, self.nobody.pw_gid)

    def owner(self, path: str) -> int:
        return os.lstat(path).st_uid


class Becoming(AsRoot):
    def test_for_a_while(self) -> None:
        before = os.geteuid(), os.getegid(), os.getgroups()
        with as_user("nobody"):
            self.assertEqual((os.geteuid(), os.getegid()), self.nobody[2:4])
            self.assertNotIn(0, os.getgroups())
        self.assertEqual(before, (os.geteuid(), os.getegid(), os.getgroups()))

    def test_not_at_all_without_a_user(self) -> None:
        with as_user(""):
            self.assertEqual(0, os.geteuid())

    def test_the_owner_of_another_folder_within_it(self) -> None:
        other = os.path.join(self.folder, "other")
        os.symlink("/root", other)
        os.lchown(other, self.nobody.pw_uid, self.nobody.pw_gid)
        os.mkdir(self.data)
        os.chown(self.data, 12345, 12345)
        with as_owner(self.data):
            for path, owner in ((other, self.nobody.pw_uid), ("/", 0)):
                with as_other_owner(path):
                    self.assertEqual(owner, os.geteuid())
                self.assertEqual((12345, 12345), (os.geteuid(), os.getegid()))
                self.assertEqual([12345], os.getgroups())
            missing = as_other_owner(os.path.join(self.folder, "missing"))
            self.assertRaises(FileNotFoundError, missing.__enter__)
            self.assertEqual(12345, os.geteuid())

    def test_the_owner_of_a_folder(self) -> None:
        with as_owner(self.folder):
            self.assertEqual(0, os.geteuid())
        self.give(self.folder)
        with as_owner(self.folder):
            self.assertEqual(self.nobody.pw_uid, os.geteuid())


class MakingTheFolder(AsRoot):
    def test_in_a_folder_of_roots_it_is_given_to_the_user(self) -> None:
        self.assertTrue(make_data_folder(self.data, "nobody"))
        self.assertEqual(self.nobody.pw_uid, self.owner(self.data))
        self.assertEqual(0o40700, os.stat(self.data).st_mode)
        self.assertFalse(make_data_folder(self.data, "nobody"))

    def test_in_a_folder_of_the_users_it_is_made_by_the_user(self) -> None:
        self.give(self.folder)
        self.assertTrue(make_data_folder(self.data, "nobody"))
        self.assertEqual(self.nobody.pw_uid, self.owner(self.data))

    def test_a_link_of_the_user_leads_root_nowhere(self) -> None:
        self.give(self.folder)
        roots = os.path.realpath(tempfile.mkdtemp(dir="/var/tmp"))
        self.addCleanup(shutil.rmtree, roots)
        os.chmod(roots, 0o755)
        os.symlink(roots, os.path.join(self.folder, "link"))
        with self.assertRaises(WrongFolder):
            make_data_folder(os.path.join(self.folder, "link", "data"), "nobody")
        self.assertEqual([], os.listdir(roots))

    def test_without_a_user_it_is_ours(self) -> None:
        self.assertTrue(make_data_folder(self.data, ""))
        self.assertEqual(0, self.owner(self.data))


class Owning(AsRoot):
    def test_the_folder_must_be_the_users(self) -> None:
        os.mkdir(self.data, 0o700)
        error = self.assertRaises(WrongFolder, check_owner, self.data, "nobody")
        self.assertIn("run: chown -R nobody ", str(error))
        check_owner(self.data, "")
        self.give(self.data)
        check_owner(self.data, "nobody")
        error = self.assertRaises(WrongFolder, check_owner, self.data, "")
        self.assertIn('set user = "nobody"', str(error))
        self.assertNotIn("chown", str(error))  # root would take the folder from its user

    def test_a_start_as_another_user_is_told_who_may(self) -> None:
        os.mkdir(self.data, 0o755)
        self.give(self.data)
        with as_user("daemon"):
            error = self.assertRaises(WrongFolder, check_owner, self.data, "nobody")
        self.assertIn("start it as root or as nobody", str(error))
        self.assertNotIn("chown", str(error))

    def test_an_empty_mount_point_of_roots_is_not_given_away(self) -> None:
        os.mkdir(self.data, 0o700)
        error = self.assertRaises(WrongFolder, check_data_folder, self.data, "nobody")
        self.assertIn("mount its disk", str(error))
        os.mkdir(os.path.join(self.data, "queue"))
        error = self.assertRaises(WrongFolder, check_data_folder, self.data, "nobody")
        self.assertIn("run: chown -R nobody ", str(error))

    def test_what_was_put_back_as_root(self) -> None:
        os.mkdir(self.data, 0o700)
        queue = os.path.join(self.data, "queue")
        os.mkdir(queue, 0o700)
        self.give(self.data)
        error = self.assertRaises(WrongFolder, check_data_folder, self.data, "nobody")
        text = f"nobody cannot write to {queue}; run: chown -R nobody {self.data}"
        self.assertEqual(text, str(error))
        self.give(queue)
        check_data_folder(self.data, "nobody")

    def test_only_roots(self) -> None:
        self.assertTrue(only_roots(self.folder))
        self.assertTrue(only_roots(os.path.join(self.folder, "not", "there")))
        os.chmod(self.folder, 0o777)
        self.assertFalse(only_roots(self.folder))
        os.chmod(self.folder, 0o755)
        self.give(self.folder)
        self.assertFalse(only_roots(self.folder))
