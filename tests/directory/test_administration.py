"""The rules for changes of the directory: what is refused, and what needs force."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailhost.directory.administration import Administration
from mailhost.directory.sqlite import DirectoryDatabase
from mailhost.interfaces.directory import DirectoryError, IDirectoryAdministration, NeedsForce
from tests.directory.fakes import address
from tests.fakes import domain, view_of

ANN, BOB = address("ann@example.com"), address("bob@example.com")
FAY = address("fay@file.example")
FILE = view_of(domain("file.example", "fay"), too_example="file.example")


class AdministrationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = os.path.abspath(self.mktemp())
        DirectoryDatabase(self.path, create=True).close()
        self.opened = self.changes = 0
        self.administration = Administration(FILE, "/etc/m.toml", self.open, self.changed)

    @contextmanager
    def open(self) -> Iterator[DirectoryDatabase]:
        self.opened += 1
        database = DirectoryDatabase(self.path)
        try:
            yield database
        finally:
            database.close()
            self.opened -= 1

    def changed(self) -> None:
        self.assertEqual(self.opened, 0)  # whoever is notified may open it
        self.changes += 1

    def refused(
        self, text: str, change: Callable[..., None], *arguments: Any, force: bool = False
    ) -> None:
        """A change is refused with this text, and nobody is notified; `force` would make it."""
        before = self.changes
        error = self.assertRaises(DirectoryError, change, *arguments)
        self.assertIn(text, str(error))
        self.assertEqual(isinstance(error, NeedsForce), force)
        self.assertEqual(self.changes, before)

    def test_the_interface(self) -> None:
        verifyObject(IDirectoryAdministration, self.administration)

    def test_every_change_is_notified_once(self) -> None:
        each = self.administration
        each.add_domain("example.com")
        each.add_account(ANN, "secret")
        each.set_password(ANN, "other")
        each.set_quota(ANN, 5)
        each.add_alias(BOB, [ANN])
        each.set_catch_all("example.com", ANN)
        each.add_alias_domain("example.org", "example.com")
        halves = each.halves()
        self.assertEqual(halves.file, FILE)
        account = halves.database.account(ANN)
        assert account is not None
        self.assertEqual(account.quota, 5)
        self.assertTrue(account.secret.startswith("$argon2id$"))
        each.remove_alias(BOB)
        each.remove_account(ANN)
        each.remove_domain("example.com", force=True)
        self.assertEqual(self.changes, 10)

    def test_domains_of_the_file_are_only_read(self) -> None:
        each, text = self.administration, "file.example lives in /etc/m.toml; change it there"
        each.add_domain("example.com")
        for change, arguments in (
            (each.add_domain, ("file.example",)),
            (each.add_alias_domain, ("c.example", "file.example")),
            (each.remove_domain, ("file.example", True)),
            (each.set_catch_all, ("file.example", None)),
            (each.check_new_account, (FAY,)),
            (each.add_account, (FAY, "secret")),
            (each.check_account, (FAY,)),
            (each.set_password, (FAY, "secret")),
            (each.set_quota, (FAY, 1)),
            (each.remove_account, (FAY,)),
            (each.add_alias, (FAY, [ANN], True)),
            (each.remove_alias, (FAY,)),
        ):
            self.refused(text, change, *arguments)
        self.refused("change it there", each.add_domain, "too.example")

    def test_passwords(self) -> None:
        self.administration.add_domain("example.com")
        text = "this password cannot be used"
        self.refused(text, self.administration.add_account, ANN, "")
        self.refused("no account", self.administration.check_account, ANN)
        self.administration.check_new_account(ANN)
        self.administration.add_account(ANN, "secret")
        self.administration.check_account(ANN)
        self.refused("there already", self.administration.check_new_account, ANN)
        self.refused(text, self.administration.set_password, ANN, "")

    def test_what_needs_force(self) -> None:
        each = self.administration
        each.add_domain("example.com")
        each.add_account(ANN, "secret")
        self.refused(
            "no account or alias", each.add_alias, BOB, [address("x@file.example")], force=True
        )
        self.refused("leads back", each.add_alias, BOB, [ANN, BOB], force=True)
        self.refused("catch-all", each.add_alias, address("*@example.com"), [ANN], force=True)
        self.refused("no account or alias", each.set_catch_all, "example.com", BOB, force=True)
        self.refused("1 account; remove", each.remove_domain, "example.com", force=True)
        each.add_alias(BOB, [BOB], force=True)
        each.set_catch_all("example.com", address("x@example.com"), force=True)
        each.remove_domain("example.com", force=True)

    def test_targets_in_the_other_half_are_known(self) -> None:
        each = self.administration
        each.add_domain("example.com")
        each.add_alias(BOB, [FAY, address("eve@far.example")])
        each.set_catch_all("example.com", FAY)
