"""The demo's accounts, password and banner."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailhost.application.demo import banner, make_demo
from mailhost.config.load import Loaded, load
from mailhost.config.model import Demo
from mailhost.directory.sqlite import DirectoryDatabase
from mailhost.logins.stored_secret import verify
from mailhost.message.address import parse_address
from tests.directory.fakes import set_up_data

SETTINGS = """
version = 1
hostname = "demo.example.org"
data = "data"
[[listen]]
protocol = "smtp"
endpoint = "tcp:2525:interface=127.0.0.1"
[demo]
accounts = ["alice@example.org", "bob@example.net"]
"""


class DemoTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(self.mktemp())
        set_up_data(str(folder / "data"))
        (folder / "mailhost.toml").write_text(SETTINGS)
        self.loaded = load(str(folder / "mailhost.toml"))

    @property
    def demo(self) -> Demo:
        assert self.loaded.settings.demo is not None
        return self.loaded.settings.demo

    def secret_of(self, account: str) -> str:
        """The hash of an account's password in the directory."""
        path = os.path.join(self.loaded.settings.data, "directory.sqlite")
        found = DirectoryDatabase(path).view().account(parse_address(account))
        assert found is not None
        return found.secret

    def test_accounts_with_the_password_of_the_file(self) -> None:
        make_demo(self.loaded.settings, self.demo)
        password = Path(self.demo.password_file).read_text().strip()
        self.assertGreaterEqual(len(password), 12)
        for account in ("alice@example.org", "bob@example.net"):
            self.assertTrue(verify(self.secret_of(account), password))
        self.assertEqual(0o600, stat.S_IMODE(os.stat(self.demo.password_file).st_mode))

    def test_again_changes_nothing(self) -> None:
        make_demo(self.loaded.settings, self.demo)
        before = self.secret_of("alice@example.org")
        make_demo(self.loaded.settings, self.demo)
        self.assertEqual(before, self.secret_of("alice@example.org"))

    def test_a_missing_account_comes_back_with_the_same_password(self) -> None:
        make_demo(self.loaded.settings, self.demo)
        path = os.path.join(self.loaded.settings.data, "directory.sqlite")
        DirectoryDatabase(path).remove_account(parse_address("bob@example.net"))
        make_demo(self.loaded.settings, self.demo)
        password = Path(self.demo.password_file).read_text().strip()
        self.assertTrue(verify(self.secret_of("bob@example.net"), password))

    def test_the_banner_says_where_who_and_three_commands(self) -> None:
        text = banner(self.loaded, self.demo)
        self.assertIn("127.0.0.1 port 2525", text)
        self.assertIn("alice@example.org, bob@example.net", text)
        commands = [shlex.split(line) for line in text.splitlines() if "--config" in line]
        self.assertEqual(
            [["mail", "send"], ["mail", "read"], ["queue", "list"]],
            [explanation[1:3] for explanation in commands],
        )
        for explanation in commands:
            config = explanation[explanation.index("--config") + 1]
            self.assertTrue(os.path.samefile(config, self.loaded.path))

    def test_paths_with_spaces_are_quoted(self) -> None:
        folder = Path(self.mktemp()) / "with a space"
        folder.mkdir(parents=True)
        (folder / "mailhost.toml").write_text(SETTINGS)
        loaded: Loaded = load(str(folder / "mailhost.toml"))
        for line in banner(loaded, self.demo).splitlines():
            if "--config" in line:
                explanation = shlex.split(line)
                self.assertTrue(
                    os.path.exists(explanation[explanation.index("--config") + 1]), line
                )
