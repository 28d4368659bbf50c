"""User names in the log."""

from __future__ import annotations

from mailhost.interfaces.accounts import Account, DirectoryView, Domain
from mailhost.logins.loggable_names import may_be_shown
from mailhost.message.address import Address
from tests.logins.guarding import ANN, GuardCase


class Shown(GuardCase):
    """Some users type their password in place of their name."""

    def test_a_name_that_may_be_a_password_is_not_logged(self) -> None:
        self.guess("192.0.2.1", "hunter2")
        self.guess("192.0.2.1", ANN)
        first, second = self.events.lines
        self.assertNotIn("hunter2", first)
        self.assertIn("not logged", first)
        self.assertIn(repr(ANN), second)

    def test_a_name_that_somebody_logged_in_with_is(self) -> None:
        self.succeed("192.0.2.1", "EXAMPLE\\ann")
        self.guess("192.0.2.2", "EXAMPLE\\ann")
        self.assertIn("EXAMPLE", self.events.lines[-1])

    def test_which_names_are(self) -> None:
        account = Account(Address("Ann", "example.com"))
        domain = Domain("example.com", {"ann": account})
        view = DirectoryView({"example.com": domain}, {"example.org": "example.com"})
        for name in ("ANN@Example.com", "nobody@example.org", "ann", "ANN", "eve@example.net"):
            self.assertTrue(may_be_shown(name, view, "mx.example.net"), name)
        for name in ("hunter2", "p@ss", "x@net", "", "me@evil.example", "\0", "a" * 500):
            self.assertFalse(may_be_shown(name, view, "mx.example.net"), name)
