"""Which changes of the directory revoke a password."""

from __future__ import annotations

from dataclasses import replace
from unittest import TestCase

from mailhost.interfaces.accounts import Account, AppPassword, DirectoryView, Domain
from mailhost.logins.revocations import Revocations
from mailhost.message.address import Address

ANN = Address("Ann", "example.com")
PHONE, TABLET = AppPassword("phone", "$sha256$1"), AppPassword("tablet", "$sha256$2")
ACCOUNT = Account(ANN, "secret", 1000, "id", (PHONE, TABLET))


def view_of(*accounts: Account) -> DirectoryView:
    found = {each.address.key: each for each in accounts}
    return DirectoryView({"example.com": Domain("example.com", found)})


class RevocationsTests(TestCase):
    def setUp(self) -> None:
        self.revoked: list[Address] = []
        self.revocations = Revocations(self.revoked.extend)

    def after(self, *accounts: Account, before: Account = ACCOUNT) -> list[Address]:
        """The accounts whose passwords are revoked when there are these accounts."""
        self.revoked.clear()
        self.revocations.logged_in(ANN)
        self.revocations.changed(view_of(before), view_of(*accounts))
        return self.revoked

    def test_what_revokes(self) -> None:
        for after in (
            [],
            [replace(ACCOUNT, secret="other")],
            [replace(ACCOUNT, secret="")],
            [replace(ACCOUNT, id="another account")],
            [replace(ACCOUNT, app_passwords=(TABLET,))],
            [replace(ACCOUNT, app_passwords=(AppPassword("phone", "$sha256$3"), TABLET))],
        ):
            self.assertEqual([ANN], self.after(*after), after)

    def test_what_does_not_revoke(self) -> None:
        for after in (
            ACCOUNT,
            replace(ACCOUNT, quota=None),
            replace(
                ACCOUNT, app_passwords=(*ACCOUNT.app_passwords, AppPassword("pc", "$sha256$3"))
            ),
            replace(ACCOUNT, app_passwords=(replace(PHONE, last_used=5), TABLET)),
        ):
            self.assertEqual([], self.after(after), after)

    def test_the_domain_is_gone(self) -> None:
        self.revocations.logged_in(ANN)
        self.revocations.changed(view_of(ACCOUNT), DirectoryView())
        self.assertEqual([ANN], self.revoked)

    def test_accounts_that_never_logged_in_are_not_compared(self) -> None:
        self.revocations.changed(view_of(ACCOUNT), view_of())
        self.assertEqual([], self.revoked)
