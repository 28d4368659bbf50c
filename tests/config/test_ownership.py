"""Folders and files that others can write are refused, with the remedy."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from types import SimpleNamespace

from twisted.trial.unittest import SynchronousTestCase

from mailhost.config import groups, ownership
from mailhost.config.load import load
from mailhost.config.ownership import open_to_others
from mailhost.config.problems import BadSettings

SETTINGS = """version = 1
hostname = "mail.example.com"
data = "data"
[[listen]]
protocol = "lmtp"
endpoint = "unix:sockets/lmtp"
[[filter]]
kind = "python"
file = "own.py"
[tls.acme]
dns_command = "change-dns"
"""


class Folder(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = os.path.realpath(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.inner = os.path.join(self.folder, "inner")
        os.mkdir(self.inner, 0o700)

    def group(self, *members: int) -> None:
        """Have these users in every group."""
        self.patch(ownership, "members_of", lambda gid: set(members))


class Writing(Folder):
    def test_the_owner_alone(self) -> None:
        self.assertEqual("", open_to_others(self.inner))
        self.assertEqual("", open_to_others(os.path.join(self.inner, "not there")))

    def test_everybody(self) -> None:
        os.chmod(self.inner, 0o707)
        self.assertIn(f"run: chmod o-w {self.inner}", open_to_others(self.inner))

    def test_a_group_that_is_the_owners_alone(self) -> None:
        os.chmod(self.inner, 0o770)
        for members in ((), (os.getuid(),), (os.getuid(), 0)):
            self.group(*members)
            self.assertEqual("", open_to_others(self.inner))

    def test_a_group_of_others(self) -> None:
        os.chmod(self.inner, 0o770)
        self.group(os.getuid(), 12345)
        self.assertIn(f"run: chmod g-w {self.inner}", open_to_others(self.inner))

    def test_a_group_of_the_user_who_serves(self) -> None:
        os.chmod(self.inner, 0o770)
        nobody = pwd.getpwnam("nobody")
        self.group(nobody.pw_uid)
        self.assertEqual("", open_to_others(self.inner, "nobody"))

    def test_a_folder_above(self) -> None:
        os.chmod(self.folder, 0o777)
        self.assertIn(f"run: chmod o-w {self.folder}", open_to_others(self.inner))
        os.chmod(self.folder, 0o1777)
        self.assertEqual("", open_to_others(self.inner))

    def test_a_sticky_folder_itself(self) -> None:
        os.chmod(self.inner, 0o1777)
        self.assertIn(f"name a folder in {self.inner}", open_to_others(self.inner))

    def test_behind_a_link(self) -> None:
        link = os.path.join(self.folder, "link")
        there = os.path.join(self.inner, "there")
        os.mkdir(there)
        os.symlink(there, link)
        os.chmod(self.inner, 0o777)
        self.assertIn(self.inner, open_to_others(link))

    def test_a_read_only_file_system(self) -> None:
        os.chmod(self.inner, 0o777)
        self.patch(os, "statvfs", lambda _: SimpleNamespace(f_flag=os.ST_RDONLY))
        self.assertEqual("", open_to_others(self.inner))

    def test_the_members_of_real_groups(self) -> None:
        root = pwd.getpwuid(0)
        self.assertIn(0, groups.members_of(root.pw_gid))
        self.assertEqual(set(), groups.members_of(2**31 - 9))


class InSettings(Folder):
    def setUp(self) -> None:
        super().setUp()
        self.path = os.path.join(self.folder, "mailhost.toml")
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(SETTINGS)
        for name in ("own.py", "change-dns"):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8"):
                pass
        os.chmod(os.path.join(self.folder, "change-dns"), 0o700)
        for name in ("data", "sockets"):
            os.mkdir(os.path.join(self.folder, name), 0o700)
        load(self.path)

    def refused(self, key: str, name: str) -> None:
        path = os.path.join(self.folder, name)
        os.chmod(path, 0o777)
        error: BadSettings = self.assertRaises(BadSettings, load, self.path)
        (problem,) = error.problems
        self.assertEqual(key, problem.key)
        self.assertIn(f"run: chmod o-w {path}", problem.text)

    def test_the_data_folder(self) -> None:
        self.refused("data", "data")

    def test_what_is_in_the_data_folder(self) -> None:
        for name in ("mail", "queue"):
            os.mkdir(os.path.join(self.folder, "data", name), 0o700)
        load(self.path)
        self.refused("data", os.path.join("data", "queue"))

    def test_the_folder_of_a_socket(self) -> None:
        self.refused("listen[1].endpoint", "sockets")

    def test_the_code_of_a_filter(self) -> None:
        self.refused("filter[1].file", "own.py")

    def test_a_program_that_changes_dns(self) -> None:
        self.refused("tls.acme.dns_command", "change-dns")

    def test_the_settings_file(self) -> None:
        self.refused("", "mailhost.toml")
