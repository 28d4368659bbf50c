"""Accounts in a view of the directory."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.fakes import address, domain, view_of


class ViewTests(SynchronousTestCase):
    def test_accounts_through_alias_domains(self) -> None:
        view = view_of(domain("a.example", "Ann bob"), domain("b.example", "eve"), c_d="a.example")
        found = view.account(address("aNN@c.d"))
        self.assertEqual(str(found and found.address), "Ann@a.example")
        self.assertIsNone(view.account(address("eve@a.example")))
        self.assertIsNone(view.account(address("eve@far.example")))
        names = [str(account.address) for account in view.accounts()]
        self.assertEqual(names, ["Ann@a.example", "bob@a.example", "eve@b.example"])
