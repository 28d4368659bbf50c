"""Private keys: made, read, refused, shown as records."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as make_ec_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from twisted.trial.unittest import SynchronousTestCase

from mailhost.dkim.key_record import parse_key_record
from mailhost.dkim.keys import (
    BadPrivateKey,
    make_ed25519_key,
    read_key,
)
from tests.dkim.messages import ED25519, RSA


class KeyTests(SynchronousTestCase):
    def test_a_key_is_read_as_it_was_written(self) -> None:
        for key in (RSA, ED25519):
            again = read_key(key.pem())
            self.assertEqual((again.pem(), again.kind), (key.pem(), key.kind))
            self.assertEqual(parse_key_record(key.record().encode()).kind, key.kind)
        pkcs1 = RSA.key.private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
        )
        self.assertEqual(read_key(pkcs1).pem(), RSA.pem())

    def test_each_key_is_another(self) -> None:
        self.assertNotEqual(make_ed25519_key().pem(), make_ed25519_key().pem())

    def test_keys_that_are_refused(self) -> None:
        encrypted = RSA.key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
        )
        curve = make_ec_key(SECP256R1()).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        for pem, reason in (
            (b"", "no private key"),
            (RSA.pem()[:200], "no private key"),
            (encrypted, "without a password"),
            (curve, "neither an RSA nor an Ed25519"),
        ):
            error = self.assertRaises(BadPrivateKey, read_key, pem)
            self.assertIn(reason, str(error))

    def test_the_key_is_not_shown(self) -> None:
        self.assertEqual(repr(RSA), "SigningKey()")
