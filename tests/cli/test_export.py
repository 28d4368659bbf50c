"""`mailhost export`."""

from __future__ import annotations

import json
import os
import shutil
import stat

from mailhost.config.load import load
from mailhost.directory.from_settings import view_of_settings
from mailhost.logins.app_passwords import hash_app_password
from mailhost.message.address import parse_address
from tests.cli.directory_case import IN_FILE, DirectoryCase
from tests.logins.test_app_passwords import APP_HASH


class ExportTests(DirectoryCase):
    """The directory as TOML that a settings file takes."""

    def setUp(self) -> None:
        super().setUp()
        self.run_ok("domain", "add", "example.org", "--alias-of", "example.com")
        self.run_ok("account", "add", "ann@example.com", "--quota", "2 GB", stdin="hunter2\n")
        self.run_ok("account", "add", "b.c@example.com", stdin="hunter2\n")
        self.run_ok("alias", "add", "team@example.com", "ann@example.com", "carl@far.example")
        self.run_ok("domain", "catch-all", "example.com", "ann@example.com")

    def test_without_secrets(self) -> None:
        text = self.run_ok("export")
        self.assertNotIn("argon2", text)
        self.assertIn("--secrets DIR", text)
        self.settings(text)
        domains = load(self.config).settings.domain
        self.assertEqual(set(domains), {"example.com", "file.example"})
        self.assertIsNone(domains["example.com"].account["ann"].password)

    def test_with_secrets(self) -> None:
        folder = os.path.join(self.folder, "exported")
        text = self.run_ok("export", "--secrets", folder)
        path = os.path.join(folder, "ann@example.com")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertIn('password = { file = "exported/ann@example.com" }', text)
        self.assertIn('password = { file = "secrets/ann" }', text)
        self.assertNotIn("argon2", text)
        before = load(self.config).settings.domain["file.example"]
        self.settings(text)
        loaded = load(self.config)
        domain = loaded.settings.domain["example.com"]
        self.assertEqual(loaded.settings.domain["file.example"], before)
        self.assertEqual(domain.aliases, ("example.org",))
        self.assertEqual(domain.catch_all, "ann")
        self.assertEqual(set(domain.alias["team"]), {"ann", "carl@far.example"})
        self.assertEqual(domain.account["ann"].quota, 2 * 10**9)
        with open(path, encoding="utf-8") as file:
            self.assertEqual(loaded.secrets.of(domain.account["ann"].password), file.read().strip())

    def test_keys_in_use_come_first(self) -> None:
        """The first key that is imported on a new host signs at once, so DNS must show it."""
        self.run_ok("dkim", "make", "far.org")
        path = os.path.join(self.data, "dkim", "far.org", "keys.json")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace('"active"', '"coming"', 1))
        text = self.run_ok("export", "--secrets", os.path.join(self.folder, "exported"))
        lines = [line for line in text.splitlines() if "dkim import far.org" in line]
        keys = json.loads(self.run_ok("dkim", "list", "far.org", "--json"))
        states = {key["selector"]: key["state"] for key in keys}
        self.assertEqual([states[line.split()[5]] for line in lines], ["active", "coming"])

    def test_keys_can_be_imported_again(self) -> None:
        self.run_ok("dkim", "make", "example.com")
        self.assertIn("# The DKIM keys are left out", self.run_ok("export"))
        folder = os.path.join(self.folder, "exported")
        text = self.run_ok("export", "--secrets", folder)
        before = json.loads(self.run_ok("dkim", "list", "example.com", "--json"))
        shutil.rmtree(os.path.join(self.data, "dkim"))
        commands = [line[2:].split()[1:] for line in text.splitlines() if "dkim import" in line]
        self.assertEqual(len(commands), 2)
        for command in commands:
            self.assertEqual(stat.S_IMODE(os.stat(command[-1]).st_mode), 0o600)
            self.run_ok(*command)
        after = json.loads(self.run_ok("dkim", "list", "example.com", "--json"))
        records = [{(key["name"], key["record"]) for key in keys} for keys in (before, after)]
        self.assertEqual(*records)

    def test_settings_for_keys_stay(self) -> None:
        self.settings(
            IN_FILE
            + '[domain."file.example".dkim]\noff = true\nselector = "mail"\n'
            + '[domain."file.example".mta_sts]\nmax_age = "10 days"\nmx = ["mx.backup.example"]\n'
        )
        before = load(self.config).settings.domain["file.example"]
        self.settings(self.run_ok("export"))
        self.assertEqual(load(self.config).settings.domain["file.example"], before)

    def test_app_passwords(self) -> None:
        self.run_ok("account", "password", "add", "ann@example.com", "Ann's phone")
        self.assertIn("# its app passwords are left out", self.run_ok("export"))
        made = self.call("hash-password", "--app")
        self.assertEqual(hash_app_password(made.stderr.strip()), made.stdout.strip())
        path = os.path.join(self.folder, "secrets", "fay")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
            file.write(made.stdout)
        line = 'app_passwords = { tv = { file = "secrets/fay" } }'
        self.settings(f'{IN_FILE}\n[domain."file.example".account.fay]\n{line}\n')
        text = self.run_ok("export", "--secrets", os.path.join(self.folder, "exported"))
        self.assertIn(line, text)
        self.settings(text)
        view = view_of_settings(load(self.config).settings, load(self.config).secrets)
        for address, name in (("ann@example.com", "Ann's phone"), ("fay@file.example", "tv")):
            account = view.account(parse_address(address))
            assert account is not None
            (app_password,) = account.app_passwords
            self.assertEqual(app_password.name, name)
            self.assertRegex(app_password.hash, APP_HASH)

    def test_a_file_without_the_hash_of_an_app_password(self) -> None:
        line = 'app_passwords = { tv = { file = "secrets/ann" } }'
        self.settings(f'{IN_FILE}\n[domain."file.example".account.fay]\n{line}\n')
        self.assertIn("hash-password --app", self.run_fails("account", "list"))

    def test_ids_stay(self) -> None:
        before = json.loads(self.run_ok("account", "list", "--json"))
        text = self.run_ok("export")
        self.assertEqual(text.count("id = "), 2)  # those of the file follow from the address
        self.settings(text)
        after = json.loads(self.run_ok("account", "list", "--json"))
        in_file = {row["account"]: row["id"] for row in after if row["where"] == "settings file"}
        self.assertEqual(in_file, {row["account"]: row["id"] for row in before})
        self.assertEqual(self.run_ok("export").count("id = "), 4)  # both halves have them

    def test_secrets_elsewhere_are_named_absolutely_and_never_overwritten(self) -> None:
        folder = os.path.abspath(self.mktemp())
        self.assertIn(f'"{folder}/ann@example.com"', self.run_ok("export", "--secrets", folder))
        self.assertIn("there already", self.run_fails("export", "--secrets", folder))
