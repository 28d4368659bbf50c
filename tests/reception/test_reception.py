"""MAIL at the reception of the host: logins, and accounts that have been removed."""

from __future__ import annotations

from dataclasses import replace

from mailhost.interfaces.accounts import Account, AppPassword, Domain
from mailhost.message.status import Status
from mailhost.reception.reception import ENCRYPT_FIRST, LOG_IN_AGAIN, LOGIN_FIRST
from mailhost.reception.rules import Rules
from mailhost.routing import NO_DIRECTORY
from tests.fakes import address, now, view_of
from tests.reception.context import ANN, TLS, UNKNOWN_CLIENT, WITHOUT_ANN, ReceptionCase


class ConnectionTests(ReceptionCase):
    def test_every_client_may_connect(self) -> None:
        self.assertIsNone(now(self.reception.connected(UNKNOWN_CLIENT)))
        self.assertIsNone(now(self.reception.hello(UNKNOWN_CLIENT)))


class LoginTests(ReceptionCase):
    rules = Rules("mx.a.example", login=True)

    def test_without_a_login(self) -> None:
        self.assertEqual(self.mail(UNKNOWN_CLIENT, "ann@a.example"), ENCRYPT_FIRST)
        self.assertEqual(self.mail(UNKNOWN_CLIENT, ""), ENCRYPT_FIRST)
        self.assertEqual(self.mail(replace(UNKNOWN_CLIENT, tls=TLS), "ann@a.example"), LOGIN_FIRST)
        self.assertEqual(self.mail(replace(UNKNOWN_CLIENT, ip="::1"), "ann@a.example"), LOGIN_FIRST)
        self.assertEqual((ENCRYPT_FIRST.code, LOGIN_FIRST.code), (530, 530))

    def test_with_a_login(self) -> None:
        self.begin(ANN, "ann@a.example")


class RemovedTests(ReceptionCase):
    """Accounts that are removed while their client has a session."""

    def refused(self) -> None:
        for sender in ("", "ann@a.example", "any@b.example"):
            self.assertEqual(self.mail(ANN, sender), LOG_IN_AGAIN)

    def test_the_next_transaction_is_refused(self) -> None:
        self.begin(ANN, "")
        self.directory.view = WITHOUT_ANN
        self.refused()

    def test_an_account_without_a_password_may_not_send(self) -> None:
        ann = Account(address("ann@a.example"))
        self.directory.view = view_of(Domain("a.example", {"ann": ann}))
        self.refused()

    def test_an_account_with_app_passwords_alone_may_send(self) -> None:
        phone = AppPassword("phone", "a hash")
        ann = Account(address("ann@a.example"), app_passwords=(phone,))
        self.directory.view = view_of(Domain("a.example", {"ann": ann}))
        self.begin(ANN, "ann@a.example")

    def test_an_account_that_was_made_again_is_found(self) -> None:
        self.directory.view, self.directory.newer = WITHOUT_ANN, self.directory.view
        self.begin(ANN, "")

    def test_without_the_directory_no_sender_is_refused_for_good(self) -> None:
        self.directory.view, self.directory.outage = WITHOUT_ANN, "locked"
        refusal = self.mail(ANN, "")
        assert isinstance(refusal, Status)
        self.assertEqual(replace(refusal, cause=""), NO_DIRECTORY)
