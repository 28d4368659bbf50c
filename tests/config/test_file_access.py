"""The way to a file, and the commands that open it to one user."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from mailhost.application.privileges import as_user
from mailhost.config.file_access import Step, opening_commands, remedy_for_us, steps_to
from mailhost.doctor.host.readable import commands_to_open, unreadable_by


class Layout(SynchronousTestCase):
    """The folders of certbot: links in `live` lead into `archive`; root alone enters both."""

    def setUp(self) -> None:
        self.top = os.path.realpath(tempfile.mkdtemp(prefix="mailhost-"))
        self.addCleanup(shutil.rmtree, self.top)
        os.chmod(self.top, 0o755)
        self.live, self.archive = os.path.join(self.top, "live"), os.path.join(self.top, "archive")
        for folder in (self.live, self.archive):
            os.makedirs(os.path.join(folder, "mail.example.org"))
            os.chmod(folder, 0o700)
        for name, mode in (("fullchain", 0o644), ("privkey", 0o600)):
            target = os.path.join(self.archive, "mail.example.org", f"{name}1.pem")
            with open(target, "w"):
                os.chmod(target, mode)
            os.symlink(f"../../archive/mail.example.org/{name}1.pem", self.link(name))

    def link(self, name: str) -> str:
        return os.path.join(self.live, "mail.example.org", f"{name}.pem")

    def paths(self, path: str) -> list[str]:
        """The steps below the top folder."""
        found = [each.path.removeprefix(self.top) for each in steps_to(path)]
        return found[found.index("") + 1 :]


class Steps(Layout):
    def test_folders_links_and_the_file(self) -> None:
        domain = "mail.example.org"
        expected = ["/live", f"/live/{domain}", "/archive", f"/archive/{domain}"]
        expected.append(f"/archive/{domain}/privkey1.pem")
        self.assertEqual(expected, self.paths(self.link("privkey")))
        self.assertEqual(
            [True] * 4 + [False], [s.folder for s in steps_to(self.link("privkey"))][-5:]
        )

    def test_an_absolute_link(self) -> None:
        path = os.path.join(self.top, "key.pem")
        os.symlink(self.link("privkey"), path)
        self.assertEqual(self.paths(self.link("privkey")), self.paths(path))

    def test_ways_that_end(self) -> None:
        self.assertEqual(["/live"], self.paths(os.path.join(self.live, "nowhere", "key.pem")))
        loop = os.path.join(self.top, "loop")
        os.symlink("loop", loop)
        self.assertEqual([], self.paths(loop))


class Commands(Layout):
    """`daemon` has a group of its own, `nobody` has not."""

    def setUp(self) -> None:
        super().setUp()
        if os.geteuid() != 0:
            raise SkipTest("only root becomes another user")
        self.domain = os.path.join(self.archive, "mail.example.org")
        self.files = [self.link("fullchain"), self.link("privkey")]

    def commands(self, user: str) -> str:
        return commands_to_open(unreadable_by(user, self.files).values(), user)

    def test_by_the_group_of_the_user(self) -> None:
        key = f"{self.domain}/privkey1.pem"
        self.assertEqual(
            f"chgrp daemon {self.live} {self.archive} {key} && "
            f"chmod g+x {self.live} {self.archive} && chmod g+r {key}",
            self.commands("daemon"),
        )

    def test_they_help(self) -> None:
        self.assertEqual(0, os.system(self.commands("daemon")))
        self.assertEqual({}, unreadable_by("daemon", self.files))
        self.assertIn("privkey", str(unreadable_by("nobody", self.files)))

    def test_what_is_open_is_not_named(self) -> None:
        os.chmod(self.live, 0o711)
        os.chown(self.archive, -1, pwd.getpwnam("daemon").pw_gid)
        key = f"{self.domain}/privkey1.pem"
        os.chown(key, pwd.getpwnam("daemon").pw_uid, -1)
        os.chmod(key, 0o200)
        self.assertEqual(f"chmod g+x {self.archive} && chmod u+r {key}", self.commands("daemon"))

    def test_by_an_access_list_where_a_group_would_give_or_take_too_much(self) -> None:
        key = f"{self.domain}/privkey1.pem"
        self.assertEqual(
            f"setfacl -m u:nobody:x {self.live} {self.archive} && setfacl -m u:nobody:r {key}",
            self.commands("nobody"),
        )
        os.chown(self.live, -1, 12345)
        self.assertIn(f"setfacl -m u:daemon:x {self.live} &&", self.commands("daemon"))

    def test_names_that_the_shell_would_read_otherwise(self) -> None:
        step = Step(os.path.join(self.top, "a b"), folder=True)
        os.mkdir(step.path, 0o700)
        self.assertIn(f"chgrp daemon '{self.top}/a b'", opening_commands([step], "daemon"))


class Ours(Layout):
    """A process that is not root sees no further than what is closed."""

    def setUp(self) -> None:
        super().setUp()
        if os.geteuid() != 0:
            raise SkipTest("only root becomes another user")

    def test_the_folder_of_links_and_that_of_files(self) -> None:
        with as_user("daemon"):
            found = remedy_for_us(self.link("privkey"))
        both = f"{self.live} {self.archive}"
        self.assertEqual(f"chgrp daemon {both} && chmod g+x {both}", found)

    def test_what_is_open(self) -> None:
        self.assertEqual("", remedy_for_us(self.link("privkey")))

    def test_a_user_without_a_name(self) -> None:
        def nameless(uid: int) -> pwd.struct_passwd:
            raise KeyError(uid)

        with as_user("daemon"):
            self.patch(pwd, "getpwuid", nameless)
            self.assertEqual("", remedy_for_us(self.link("privkey")))
