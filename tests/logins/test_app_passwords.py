"""App passwords: their form, and their hashes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.accounts import Account, AppPassword, name_fault
from mailhost.logins.app_passwords import (
    hash_app_password,
    matching,
    new_app_password,
)
from mailhost.message.address import Address

ANN = Address("ann", "example.com")
APP_HASH = r"\A\$sha256\$[0-9a-f]{64}\Z"


class PasswordTests(SynchronousTestCase):
    def test_they_are_random(self) -> None:
        passwords = {new_app_password() for _ in range(100)}
        self.assertEqual(len(passwords), 100)
        for password in passwords:
            self.assertRegex(password, r"\A(?:[0-9a-hjkmnp-tv-z]{5}-){5}[0-9a-hjkmnp-tv-z]\Z")

    def test_the_hash_does_not_depend_on_how_it_is_typed(self) -> None:
        password = new_app_password()
        hashed = hash_app_password(password)
        self.assertRegex(hashed, APP_HASH)
        self.assertNotIn(password, hashed)
        for typed in (password.upper(), password.replace("-", ""), password.replace("-", " ")):
            self.assertEqual(hash_app_password(typed), hashed)
        self.assertNotEqual(hash_app_password(password + "x"), hashed)

    def test_any_text_has_a_hash(self) -> None:
        for text in ("", "\ud800", "é" * 5000):
            self.assertRegex(hash_app_password(text), APP_HASH)

    def test_the_one_that_matches(self) -> None:
        phone = AppPassword("phone", hash_app_password("a"))
        account = Account(ANN, app_passwords=(phone, AppPassword("tablet", "junk é")))
        self.assertEqual(matching(account, hash_app_password("a")), phone)
        self.assertIsNone(matching(account, hash_app_password("b")))
        self.assertIsNone(matching(None, hash_app_password("a")))

    def test_names(self) -> None:
        for name in ("phone", "Ann's phone", "Gerät", "x" * 64):
            self.assertEqual(name_fault(name), "")
        for name in ("", " x", "x ", "a\nb", "x" * 65):
            self.assertIn("1 to 64", name_fault(name))

    def test_it_is_not_shown(self) -> None:
        self.assertNotIn("junk", repr(AppPassword("phone", "junk")))
