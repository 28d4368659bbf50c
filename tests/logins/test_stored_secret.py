"""Hashes of passwords, and passwords that fit them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.logins.stored_secret import (
    ITERATIONS,
    BadSecret,
    hash_password,
    parse_secret,
    verify,
)
from mailhost.net.sasl.scram_keys import derive_keys

SECRET = hash_password("pass word")
ARGON2, SCRAM = SECRET.split()


class Secrets(SynchronousTestCase):
    def test_its_form(self) -> None:
        self.assertRegex(
            SECRET,
            r"^\$argon2id\$v=19\$m=19456,t=2,p=1\$\S+ "
            r"SCRAM-SHA-256\$65536:[\w+/=]+\$[\w+/=]+:[\w+/=]+$",
        )
        self.assertNotIn("pass word", SECRET)
        self.assertNotEqual(hash_password("pass word"), SECRET)

    def test_each_part_verifies(self) -> None:
        for secret in (SECRET, ARGON2, SCRAM, f"{SCRAM} {ARGON2}"):
            self.assertTrue(verify(secret, "pass word"))
            for wrong in ("password", "", "pass word ", "x" * 5000, "\udcff"):
                self.assertFalse(verify(secret, wrong))

    def test_passwords_are_prepared(self) -> None:
        for secret in (ARGON2, SCRAM):
            self.assertTrue(verify(secret, "pass\u00a0word"))

    def test_scram_keys_are_those_of_the_password(self) -> None:
        keys = parse_secret(SECRET).scram
        assert keys is not None
        self.assertEqual(keys, derive_keys("pass word", keys.salt, ITERATIONS))
        self.assertIsNone(parse_secret(ARGON2).scram)

    def test_no_secret_for_an_empty_or_endless_password(self) -> None:
        self.assertRaises(ValueError, hash_password, "")
        self.assertRaises(ValueError, hash_password, "x" * 1025)

    def test_what_is_no_secret(self) -> None:
        for text in (
            "",
            "pass word",
            "pass",
            f"{ARGON2} {ARGON2}",
            f"{SCRAM} {SCRAM}",
            f"{SECRET} more",
            ARGON2[:40],
            ARGON2.replace("m=19456", "m=19456789"),
            SCRAM.replace("65536", "0"),
            SCRAM.replace("65536", "99999999999"),
            SCRAM.replace(":", "$"),
            "SCRAM-SHA-256$4096:$eA==:eA==",
            "SCRAM-SHA-256$4096:eA==$eA==:eA==",
        ):
            self.assertRaises(BadSecret, parse_secret, text)
        self.assertRaises(BadSecret, verify, ARGON2.replace("t=2", "t=0"), "x")

    @settings(deadline=None)
    @given(st.text() | st.text().map("SCRAM-SHA-256$".__add__) | st.text().map(ARGON2.__add__))
    def test_anything(self, text: str) -> None:
        try:
            parse_secret(text)
        except BadSecret:
            return
