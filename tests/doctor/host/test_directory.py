"""The directory: damaged, busy, empty, with aliases that lead nowhere."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence

from mailhost.directory.sqlite import DirectoryDatabase
from mailhost.doctor.finding import Finding, Verdict
from mailhost.doctor.host.directory import directory_check
from tests.doctor.host.case import DOMAIN, HostCase, found_by
from tests.fakes import address
from tests.queue.fakes import here


class DirectoryTests(HostCase):
    @property
    def path(self) -> str:
        return os.path.join(self.data, "directory.sqlite")

    def found(self, domain: str = DOMAIN) -> Sequence[Finding]:
        return found_by(directory_check(self.load(domain=domain), here))

    def test_whole(self) -> None:
        [finding] = self.found()
        self.assert_fine([finding])
        self.assertEqual("whole, with 1 domain, 1 account, 0 aliases", finding.seen)

    def test_no_database(self) -> None:
        """The check of the data folder says so."""
        os.unlink(self.path)
        self.assertEqual([], self.found())

    def test_not_a_database(self) -> None:
        with open(self.path, "wb") as file:
            file.write(b"junk" * 1000)
        self.only(self.found(), "directory-damaged")

    def test_a_damaged_page(self) -> None:
        with sqlite3.connect(self.path) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
            for number in range(500):
                connection.execute("INSERT INTO domain (name) VALUES (?)", (f"{number}.test",))
        connection.close()
        size = os.path.getsize(self.path)
        with open(self.path, "r+b") as file:
            file.seek(size - 4096)
            file.write(b"\xff" * 4096)
        self.only(self.found(), "directory-damaged")

    def test_held_by_another_process(self) -> None:
        holder = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(holder.close)
        holder.execute("PRAGMA journal_mode = DELETE")
        holder.execute("BEGIN EXCLUSIVE")
        self.patch(sqlite3, "connect", _impatient(sqlite3.connect))
        self.only(self.found(), "directory-busy", Verdict.UNKNOWN)

    def test_no_domain(self) -> None:
        finding = self.only(self.found(domain=""), "no-domain")
        self.assertEqual(("mailhost domain add example.com",), finding.copy)

    def test_an_alias_that_leads_nowhere(self) -> None:
        database = DirectoryDatabase(self.path)
        database.add_domain("blue.test")
        database.set_catch_all("blue.test", address("nobody@blue.test"))
        database.close()
        finding = self.only(self.found(), "directory-doubtful", Verdict.WARNING)
        self.assertEqual("there is no account or alias nobody@blue.test", finding.seen)


def _impatient(connect: object) -> object:
    def now(*arguments: object, **more: object) -> object:
        return connect(*arguments, **more | {"timeout": 0.0})  # type: ignore[operator]

    return now
