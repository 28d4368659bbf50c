"""`mailhost domain`, `account`, `alias` and `export`."""

from __future__ import annotations

import json
import os

from twisted.trial.unittest import SkipTest

from mailhost.application.privileges import as_user
from mailhost.net.control.client import control_path
from tests.cli.bench import CommandCase, fake_host
from tests.cli.directory_case import IN_FILE, DirectoryCase
from tests.directory.fakes import set_up_data


class EditTests(DirectoryCase):
    """Adding, listing and removing."""

    def test_domains(self) -> None:
        self.assertIn("example.com", self.run_ok("domain", "list"))
        output = self.run_ok("domain", "add", "example.org", "--alias-of", "example.com")
        self.assertIn("`mailhost dns example.org` prints them", output)
        self.run_ok("account", "add", "ann@example.com", stdin="hunter2\n")
        self.run_ok("domain", "catch-all", "example.com", "ann@example.com")
        rows = {row["domain"]: row for row in json.loads(self.run_ok("domain", "list", "--json"))}
        self.assertEqual(rows["example.com"]["also"], ["example.org"])
        self.assertEqual(rows["example.com"]["catch_all"], "ann@example.com")
        self.assertEqual(rows["example.com"]["where"], "directory")
        self.assertEqual(rows["file.example"]["where"], "settings file")
        self.run_ok("domain", "catch-all", "example.com", "--nobody")
        self.run_ok("domain", "remove", "example.org")
        error = self.run_fails("domain", "remove", "example.com")
        self.assertIn("still has 1 account; remove them first", error)
        self.run_ok("domain", "remove", "example.com", "--force")
        self.assertNotIn("example.com", self.run_ok("domain", "list"))

    def test_accounts(self) -> None:
        self.run_ok("account", "add", "Ann@Example.com", "--quota", "2 GB", stdin="hunter2\n")
        rows = {row["account"]: row for row in json.loads(self.run_ok("account", "list", "--json"))}
        self.assertEqual(rows["Ann@example.com"]["quota"], 2 * 10**9)
        self.assertTrue(rows["Ann@example.com"]["login"])
        self.assertFalse(rows["b.c@file.example"]["login"])
        self.assertIn("2.0 GB", self.run_ok("account", "list"))
        self.run_ok("account", "passwd", "ann@example.com", stdin="hunter3\n")
        self.assertIn("may keep 5 B", self.run_ok("account", "quota", "ann@example.com", "5"))
        self.run_ok("account", "quota", "ann@example.com", "3 GB")
        self.assertIn("3.0 GB", self.run_ok("account", "list"))
        self.run_ok("account", "quota", "ann@example.com", "--unlimited")
        self.assertNotIn("3.0 GB", self.run_ok("account", "list"))
        self.run_fails("account", "quota", "ann@example.com")
        self.run_ok("account", "remove", "ann@example.com")
        self.assertNotIn("Ann@example.com", self.run_ok("account", "list"))

    def test_app_passwords(self) -> None:
        self.run_ok("account", "add", "ann@example.com", stdin="hunter2\n")
        own = ("account", "password")
        password = self.run_ok(*own, "add", "ann@example.com", "Ann's phone").strip()
        self.assertRegex(password, r"\A[0-9a-z-]{31}\Z")
        self.assertIn("already", self.run_fails(*own, "add", "ann@example.com", "Ann's phone"))
        (row,) = json.loads(self.run_ok(*own, "list", "ann@example.com", "--json"))
        self.assertEqual((row["name"], row["last_used"]), ("Ann's phone", 0))
        self.assertRegex(self.run_ok(*own, "list", "ann@example.com"), r"Ann's phone +20.* +never")
        self.run_ok(*own, "revoke", "ann@example.com", "Ann's phone")
        self.assertIn("there is none", self.run_ok(*own, "list", "ann@example.com"))
        for arguments in (
            ("revoke", "ann@example.com", "Ann's phone"),
            ("add", "ann@example.com", " "),
            ("add", "bob@example.com", "phone"),
            ("add", "ann@file.example", "phone"),
            ("list", "bob@example.com"),
        ):
            self.run_fails(*own, *arguments)

    def test_names_made_by_the_commands_must_follow_the_rfc(self) -> None:
        for local in ("a" * 65, "a..b"):
            own = f"{local}@example.com"
            self.run_fails("account", "add", own, stdin="hunter2\n")
            self.run_fails("alias", "add", own, "ann@elsewhere.example")
        far = f"reply+{'0' * 100}@elsewhere.example"
        self.assertIn(far, self.run_ok("alias", "add", "team@example.com", far))

    def test_aliases(self) -> None:
        self.run_ok("account", "add", "ann@example.com", stdin="hunter2\n")
        self.run_ok("alias", "add", "team@example.com", "ann@example.com", "carl@far.example")
        rows = {row["alias"]: row for row in json.loads(self.run_ok("alias", "list", "--json"))}
        targets = rows["team@example.com"]["targets"]
        self.assertEqual(set(targets), {"ann@example.com", "carl@far.example"})
        self.assertIn("team@file.example", rows)
        self.run_ok("alias", "remove", "team@example.com")
        self.assertNotIn("team@example.com", self.run_ok("alias", "list"))

    def test_what_is_there_already_or_not_there(self) -> None:
        self.run_ok("account", "add", "ann@example.com", stdin="hunter2\n")
        for arguments in (
            ["domain", "add", "example.com"],
            ["domain", "remove", "example.net"],
            ["domain", "add", "example.net", "--alias-of", "nowhere.example"],
            ["account", "add", "ann@example.com"],
            ["account", "add", "ann@nowhere.example"],
            ["account", "passwd", "bob@example.com"],
            ["account", "remove", "bob@example.com"],
            ["alias", "remove", "bob@example.com"],
        ):
            self.run_fails(*arguments, stdin="hunter2\n")

    def test_what_is_no_address_or_quota(self) -> None:
        self.assertIn("no address", self.run_fails("account", "add", "ann"))
        error = self.run_fails("account", "add", "ann@example.com", "--quota", "big")
        self.assertIn('"50 MB"', error)
        self.assertIn("empty", self.run_fails("account", "add", "ann@example.com"))

    def test_domains_of_the_file_are_read_only(self) -> None:
        for arguments in (
            ["domain", "add", "file.example"],
            ["domain", "add", "also.example"],
            ["domain", "add", "new.example", "--alias-of", "file.example"],
            ["domain", "remove", "file.example"],
            ["domain", "catch-all", "file.example", "--nobody"],
            ["account", "add", "new@file.example"],
            ["account", "passwd", "ann@file.example"],
            ["account", "quota", "ann@file.example", "1 GB"],
            ["account", "remove", "ann@file.example"],
            ["alias", "add", "new@also.example", "ann@example.com"],
            ["alias", "remove", "team@file.example"],
        ):
            self.assertIn(self.config, self.run_fails(*arguments, stdin="hunter2\n"))

    def test_a_running_host_is_told(self) -> None:
        with fake_host(control_path(self.data), lambda _: {"ok": True, "result": None}) as asked:
            self.run_ok("domain", "add", "example.net")
            self.run_ok("domain", "list")
        self.assertEqual(asked, [{"command": "directory.refresh", "arguments": {}}])

    def test_a_host_that_cannot_be_told_is_no_fault_of_the_change(self) -> None:
        with fake_host(control_path(self.data), lambda _: {"ok": False, "error": "no disk"}):
            result = self.call("domain", "add", "example.net")
        self.assertEqual(result.exit_code, 0)
        self.assertIn("no disk", result.stderr)
        self.assertIn("example.net", self.run_ok("domain", "list"))


class LostTests(CommandCase):
    """A missing directory is not made by commands, and not taken for an empty one."""

    LISTS = (["account", "list"], ["domain", "list"], ["alias", "list", "--json"], ["export"])

    def setUp(self) -> None:
        super().setUp()
        self.settings(IN_FILE.replace('password = { file = "secrets/ann" }\n', ""), set_up=False)

    def every_command_fails(self, text: str) -> None:
        changes = (["domain", "add", "example.net"], ["alias", "remove", "a@example.com"])
        for arguments in (*self.LISTS, *changes, ["account", "add", "q@example.com"]):
            result = self.call(*arguments, stdin="hunter2\n")
            self.assertEqual((result.exit_code, result.stdout), (1, ""), result.output)
            self.assertIn(text, result.stderr)
        self.assertFalse(os.path.exists(os.path.join(self.data, "directory.sqlite")))

    def test_no_data_folder(self) -> None:
        self.every_command_fails(f"there is no data folder {self.data}")
        self.assertFalse(os.path.exists(self.data))

    def test_an_export_of_nothing_says_so(self) -> None:
        self.settings()
        result = self.call("export")
        self.assertEqual((result.exit_code, result.stdout), (0, ""))
        self.assertIn("and the directory have no domain", result.stderr)

    def test_an_empty_data_folder(self) -> None:
        os.mkdir(self.data)
        self.every_command_fails("mount its disk")
        self.init()
        self.assertIn("example.com", self.run_ok("domain", "list"))

    def test_a_database_that_vanished(self) -> None:
        set_up_data(self.data)
        os.mkdir(os.path.join(self.data, "queue"))
        os.unlink(os.path.join(self.data, "directory.sqlite"))
        self.every_command_fails("is missing from a data folder in use")
        self.assertIn("with --new-directory", self.init(ok=False))
        self.init("--new-directory")
        self.assertIn("example.com", self.run_ok("domain", "list"))

    def test_a_user_who_may_not_read_the_database(self) -> None:
        if os.geteuid() != 0:
            raise SkipTest("only root can become somebody else")
        set_up_data(self.data)
        os.chmod(self.folder, 0o755)
        with as_user("nobody"):
            for arguments in (*self.LISTS, ["queue", "list"]):
                result = self.call(*arguments)
                self.assertEqual((result.exit_code, result.stdout), (1, ""), result.output)

    def init(self, *more: str, ok: bool = True) -> str:
        arguments = ("init", self.folder, "--hostname", "a.example", "--domain", "example.com")
        return (self.run_ok if ok else self.run_fails)(*arguments, *more)
