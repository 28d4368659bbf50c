"""The database: what it keeps, what it refuses, and what happens when it cannot be used."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat

from twisted.trial.unittest import SynchronousTestCase

from mailhost.directory import schema
from mailhost.directory.sqlite import (
    DirectoryBroken,
    DirectoryBusy,
    DirectoryDatabase,
)
from mailhost.interfaces.accounts import Account
from mailhost.interfaces.directory import DirectoryError
from tests.directory.fakes import address

ANN = address("Ann@example.com")


class Database(SynchronousTestCase):
    def setUp(self) -> None:
        folder = self.mktemp()
        os.mkdir(folder)
        self.path = os.path.join(folder, "directory.sqlite")
        self.database = DirectoryDatabase(self.path, patience=0.01, create=True)
        self.addCleanup(self.database.close)

    def other(self) -> DirectoryDatabase:
        """The same file as another process has it."""
        other = DirectoryDatabase(self.path, patience=0.01)
        self.addCleanup(other.close)
        return other

    def refused(self, text: str, method: object, *arguments: object) -> None:
        assert callable(method)
        before = self.database.view()
        error: DirectoryError = self.assertRaises(DirectoryError, method, *arguments)
        self.assertIn(text, str(error))
        self.assertEqual(self.database.view(), before)


class AppPasswords(Database):
    def setUp(self) -> None:
        super().setUp()
        self.database.add_domain("example.com")
        self.database.add_account(ANN, "secret")
        self.database.add_app_password(ANN, "phone", "hash", 1000)

    def passwords(self) -> list[tuple[str, str, int, int]]:
        account = self.database.view().account(ANN)
        assert account is not None
        return [(a.name, a.hash, a.created, a.last_used) for a in account.app_passwords]

    def test_they_are_added_and_removed(self) -> None:
        self.database.add_app_password(ANN, "Tablet", "other", 2000)
        wanted = [("Tablet", "other", 2000, 0), ("phone", "hash", 1000, 0)]
        self.assertEqual(self.passwords(), wanted)
        self.refused("already", self.database.add_app_password, ANN, "phone", "x", 1)
        self.database.remove_app_password(ANN, "Tablet")
        self.assertEqual(self.passwords(), wanted[1:])
        self.refused("no password for 'Tablet'", self.database.remove_app_password, ANN, "Tablet")
        bob = address("bob@example.com")
        self.refused("no account", self.database.add_app_password, bob, "phone", "x", 1)

    def test_uses_are_noted(self) -> None:
        self.database.note_uses({(ANN, "phone"): 3000, (ANN, "gone"): 1})
        self.database.note_uses({(ANN, "phone"): 2000})
        self.assertEqual(self.passwords(), [("phone", "hash", 1000, 3000)])

    def test_they_go_with_the_account(self) -> None:
        self.database.remove_account(ANN)
        self.database.add_account(ANN, "secret")
        self.assertEqual(self.passwords(), [])


class Kept(Database):
    def test_everything_comes_back(self) -> None:
        database = self.database
        database.add_domain("example.com")
        database.add_domain("xn--mller-kva.example")
        database.add_alias_domain("example.org", "example.com")
        database.add_account(ANN, "hash", 20_000)
        database.add_account(address("müller@example.com"), "")
        targets = [ANN, address("zoe@elsewhere.example"), address("bob@example.com")]
        database.add_alias(address("Team@example.com"), [*targets, ANN])
        database.set_catch_all("example.com", ANN)
        view = self.other().view()
        self.assertEqual(set(view.domains), {"example.com", "xn--mller-kva.example"})
        self.assertEqual(view.also, {"example.org": "example.com"})
        domain = view.domains["example.com"]
        ann, miller = domain.accounts["ann"], domain.accounts["müller"]
        self.assertEqual(ann, Account(ANN, "hash", 20_000, ann.id))
        self.assertRegex(ann.id, r"\A[0-9a-f]{32}\Z")
        self.assertNotEqual(ann.id, miller.id)
        self.assertEqual(domain.accounts["müller"].quota, None)
        self.assertEqual(domain.aliases, {"team": tuple(targets)})
        self.assertEqual(domain.catch_all, ANN)
        self.assertIsNone(view.domains["xn--mller-kva.example"].catch_all)
        self.assertIsNotNone(view.account(address("ANN@example.org")))

    def test_changes_and_removals(self) -> None:
        database = self.database
        database.add_domain("example.com")
        database.add_account(ANN, "old")
        before = database.view().account(ANN)
        assert before is not None
        database.set_secret(address("ann@example.com"), "new")
        database.set_quota(ANN, 5)
        self.assertEqual(database.view().account(ANN), Account(ANN, "new", 5, before.id))
        database.add_alias(address("team@example.com"), [ANN])
        database.set_catch_all("example.com", ANN)
        database.set_catch_all("example.com", None)
        database.add_alias_domain("example.org", "example.com")
        database.remove_alias(address("TEAM@example.com"))
        database.remove_account(ANN)
        database.remove_domain("example.org")
        database.remove_domain("example.com")
        self.assertEqual(database.view().domains, {})
        self.assertEqual(database.view().also, {})

    def test_removing_by_force_leaves_nothing(self) -> None:
        database = self.database
        database.add_domain("example.com")
        database.add_account(ANN, "")
        database.add_alias(address("team@example.com"), [ANN])
        database.add_alias_domain("example.org", "example.com")
        database.remove_domain("example.com", force=True)
        database.add_domain("example.com")
        self.assertEqual(database.view().domains["example.com"].accounts, {})
        self.assertEqual(database.view().domains["example.com"].aliases, {})
        self.assertEqual(database.view().also, {})

    def test_another_name_is_removed_as_a_domain(self) -> None:
        self.database.add_domain("example.com")
        self.database.add_alias_domain("example.org", "example.com")
        self.database.remove_domain("example.org")
        self.assertEqual(self.database.view().also, {})

    def test_a_copy_of_the_one_file_is_a_whole_backup(self) -> None:
        reader = self.other()
        self.database.add_domain("example.com")
        reader.view()
        shutil.copy(self.path, self.path + ".copy")
        copy = DirectoryDatabase(self.path + ".copy")
        self.addCleanup(copy.close)
        self.assertIn("example.com", copy.view().domains)

    def test_the_file_is_for_its_owner_alone(self) -> None:
        self.database.add_domain("example.com")
        folder = os.path.dirname(self.path)
        for name in os.listdir(folder):
            mode = os.stat(os.path.join(folder, name)).st_mode
            self.assertEqual(stat.S_IMODE(mode), 0o600, name)


class Mistakes(Database):
    def setUp(self) -> None:
        super().setUp()
        self.database.add_domain("example.com")
        self.database.add_alias_domain("example.org", "example.com")
        self.database.add_account(ANN, "")
        self.database.add_alias(address("team@example.com"), [ANN])

    def test_there_already(self) -> None:
        database = self.database
        self.refused("there already", database.add_domain, "example.com")
        self.refused("another name for example.com", database.add_domain, "example.org")
        self.refused("there already", database.add_alias_domain, "example.com", "example.com")
        self.refused("as an account", database.add_account, address("ANN@example.com"), "")
        self.refused("as an alias", database.add_account, address("team@example.com"), "")
        self.refused("as an alias", database.add_alias, address("TEAM@example.com"), [ANN])
        self.refused("as an account", database.add_alias, ANN, [ANN])

    def test_not_there(self) -> None:
        database, nobody = self.database, address("nobody@example.com")
        self.refused("no domain example.net", database.remove_domain, "example.net")
        self.refused("no domain example.net", database.add_account, address("a@example.net"), "")
        self.refused("no domain example.net", database.add_alias_domain, "x.org", "example.net")
        self.refused("no domain", database.set_catch_all, "example.net", ANN)
        self.refused("no account nobody@", database.set_secret, nobody, "")
        self.refused("no account nobody@", database.remove_account, nobody)
        self.refused("no alias nobody@", database.remove_alias, nobody)

    def test_another_name_is_told(self) -> None:
        text = "use example.com here"
        self.refused(text, self.database.add_account, address("bob@example.org"), "")
        self.refused(text, self.database.set_secret, address("ann@example.org"), "")

    def test_a_domain_in_use(self) -> None:
        text = "1 account, 1 alias, 1 other name; remove them first"
        self.refused(text, self.database.remove_domain, "example.com")

    def test_an_alias_to_nobody(self) -> None:
        self.refused("target", self.database.add_alias, address("x@example.com"), [])


class Stamps(Database):
    def test_others_changes_and_own_ones_show(self) -> None:
        stamps = [self.database.version()]
        self.assertEqual(self.database.version(), stamps[0])
        self.other().add_domain("example.com")
        stamps.append(self.database.version())
        self.database.add_domain("example.net")
        stamps.append(self.database.version())
        self.assertEqual(len(set(stamps)), 3)

    def test_another_file_in_its_place(self) -> None:
        self.assertFalse(self.database.replaced())
        os.rename(self.path, self.path + ".old")
        self.assertTrue(self.database.replaced())
        with open(self.path, "wb"):
            self.assertTrue(self.database.replaced())


class Trouble(Database):
    def lock(self) -> sqlite3.Connection:
        """Hold the file as nobody should."""
        self.database.close()
        holder = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(holder.close)
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        return holder

    def test_a_lock_is_told_and_passes(self) -> None:
        holder = self.lock()
        error: DirectoryBusy = self.assertRaises(
            DirectoryBusy, DirectoryDatabase, self.path, patience=0.01
        )
        self.assertIn("held by another process", str(error))
        holder.close()
        DirectoryDatabase(self.path).close()

    def test_two_writers(self) -> None:
        other = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        self.assertRaises(DirectoryBusy, self.database.add_domain, "example.com")
        self.assertEqual(self.database.view().domains, {})
        other.execute("ROLLBACK")
        self.database.add_domain("example.com")

    def test_no_database(self) -> None:
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(b"junk" * 1000)
        error: DirectoryBroken = self.assertRaises(DirectoryBroken, DirectoryDatabase, path)
        self.assertIn(path, str(error))
        self.assertRaises(DirectoryBroken, DirectoryDatabase, "/nowhere/directory.sqlite")

    def test_it_is_made_only_where_that_is_asked_for(self) -> None:
        path = self.mktemp()
        self.assertRaises(DirectoryBroken, DirectoryDatabase, path)
        self.assertFalse(os.path.exists(path))

    def test_an_empty_file_is_no_directory(self) -> None:
        path = self.mktemp()
        with open(path, "wb"):
            pass
        error: DirectoryBroken = self.assertRaises(DirectoryBroken, DirectoryDatabase, path)
        self.assertIn("is empty; restore it", str(error))
        self.assertEqual(os.path.getsize(path), 0)
        DirectoryDatabase(path, create=True).close()
        DirectoryDatabase(path).close()

    def test_a_link_is_not_followed_to_make_it(self) -> None:
        path, target = self.mktemp(), os.path.abspath(self.mktemp())
        os.symlink(target, path)
        self.assertRaises(DirectoryBroken, DirectoryDatabase, path, create=True)
        self.assertFalse(os.path.exists(target))


class Versions(Database):
    def test_a_newer_file_is_left_alone(self) -> None:
        with sqlite3.connect(self.path) as connection:
            connection.execute("PRAGMA user_version = 99")
        error: DirectoryBroken = self.assertRaises(DirectoryBroken, DirectoryDatabase, self.path)
        self.assertIn("newer mailhost", str(error))

    def test_an_older_file_is_brought_up_and_keeps_its_data(self) -> None:
        self.database.add_domain("example.com")
        steps = (*schema.MIGRATIONS, ("CREATE TABLE later (x)", "INSERT INTO later VALUES (1)"))
        self.patch(schema, "MIGRATIONS", steps)
        self.assertIn("example.com", self.other().view().domains)
        with sqlite3.connect(self.path) as connection:
            self.assertEqual(connection.execute("SELECT x FROM later").fetchall(), [(1,)])
        self.other()  # and once only

    def test_accounts_of_an_older_file_get_ids(self) -> None:
        path, steps = f"{self.path}.old", schema.MIGRATIONS
        self.patch(schema, "MIGRATIONS", steps[:1])
        old = DirectoryDatabase(path, create=True)
        old.add_domain("example.com")
        with sqlite3.connect(path) as connection:
            connection.executemany(
                "INSERT INTO account (domain, key, local, secret) VALUES ('example.com', ?, ?, ?)",
                [("ann", "Ann", "hash"), ("bob", "bob", "")],
            )
        old.close()
        self.patch(schema, "MIGRATIONS", steps)
        for _ in range(2):
            database = DirectoryDatabase(path)
            accounts = {str(each.address): each for each in database.view().accounts()}
            database.close()
            self.assertEqual(accounts["Ann@example.com"].secret, "hash")
            ids = {each.id for each in accounts.values()}
            self.assertEqual(len(ids), 2)
            self.assertEqual({len(each) for each in ids}, {32})
        again = DirectoryDatabase(path)
        self.addCleanup(again.close)
        self.assertEqual({each.id for each in again.view().accounts()}, ids)

    def test_a_step_that_fails_changes_nothing(self) -> None:
        steps = (*schema.MIGRATIONS, ("CREATE TABLE later (x)", "nonsense"))
        self.patch(schema, "MIGRATIONS", steps)
        self.assertRaises(DirectoryBroken, DirectoryDatabase, self.path)
        with sqlite3.connect(self.path) as connection:
            self.assertRaises(sqlite3.OperationalError, connection.execute, "SELECT x FROM later")
