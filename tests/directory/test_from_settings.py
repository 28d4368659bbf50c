"""The domains of the settings file as a view."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.model import Settings
from mailhost.config.secrets import Secrets
from mailhost.config.types import Secret
from mailhost.directory.account_id import id_of_address
from mailhost.directory.from_settings import view_of_settings
from mailhost.interfaces.accounts import Account
from tests.directory.fakes import address

ID = "0123456789abcdef0123456789abcdef"


ANN = address("ann@example.com")


class FromSettings(SynchronousTestCase):
    def setUp(self) -> None:
        settings = Settings.model_validate(
            {
                "version": 1,
                "hostname": "mail.example.com",
                "data": "data",
                "domain": {
                    "Example.COM": {
                        "aliases": ["example.org"],
                        "catch_all": "ann",
                        "account": {
                            "Ann": {"password": {"file": "secrets/ann"}, "quota": "20 GB"},
                            "bob": {"id": ID},
                        },
                        "alias": {"Team": ["ann", "bob@example.net", '"c d"@example.com']},
                    }
                },
            }
        )
        self.view = view_of_settings(settings, Secrets({Secret(file="secrets/ann"): "hash"}))

    def test_accounts_and_their_secrets(self) -> None:
        ann, bob = self.view.account(ANN), self.view.account(address("bob@example.com"))
        self.assertEqual(
            ann, Account(address("Ann@example.com"), "hash", 20 * 10**9, id_of_address(ANN))
        )
        self.assertEqual(bob, Account(address("bob@example.com"), "", None, ID))

    def test_an_id_that_follows_from_the_address(self) -> None:
        """It must not change from one version to the next."""
        wanted = "043c4f71861c5536bed7dd07b14972b7"
        self.assertEqual(id_of_address(address("Ann@example.com")), wanted)
        self.assertEqual(id_of_address(ANN), wanted)
        self.assertNotEqual(id_of_address(address("bob@example.com")), wanted)

    def test_targets_without_a_domain_are_of_this_one(self) -> None:
        domain = self.view.domains["example.com"]
        self.assertEqual(
            domain.aliases["team"],
            (ANN, address("bob@example.net"), address('"c d"@example.com')),
        )
        self.assertEqual(domain.catch_all, ANN)

    def test_other_names(self) -> None:
        self.assertIs(self.view.domain("example.org"), self.view.domains["example.com"])
