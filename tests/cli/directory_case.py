"""Tests with a directory in the settings file and in the database."""

from __future__ import annotations

import os

from tests.cli.bench import CommandCase

IN_FILE = """
[domain."file.example"]
aliases = ["also.example"]
catch_all = "ann"
[domain."file.example".account.ann]
password = { file = "secrets/ann" }
quota = "1 GB"
[domain."file.example".account."b.c"]
[domain."file.example".alias]
team = ["ann", "bob@elsewhere.example"]
"""


class DirectoryCase(CommandCase):
    """A domain in the file, one in the directory."""

    def setUp(self) -> None:
        super().setUp()
        os.mkdir(os.path.join(self.folder, "secrets"))
        secret = os.path.join(self.folder, "secrets", "ann")
        with open(os.open(secret, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
            file.write(self.run_ok("hash-password", stdin="hunter2\n"))
        self.settings(IN_FILE)
        self.run_ok("domain", "add", "example.com")
