"""The computations of SCRAM-SHA-256 (RFC 5802 §3)."""

from __future__ import annotations

import hashlib
import hmac

from mailhost.interfaces.logins import ScramKeys
from mailhost.net.sasl.saslprep import prepare_password


def derive_keys(password: str, salt: bytes, iterations: int) -> ScramKeys:
    """Return the keys that a server stores. Takes about 0.25 s of processor time for a million
    iterations."""
    salted = salted_password(password, salt, iterations)
    stored = hashlib.sha256(_hmac(salted, b"Client Key")).digest()
    return ScramKeys(salt, iterations, stored, _hmac(salted, b"Server Key"))


def salted_password(password: str, salt: bytes, iterations: int) -> bytes:
    """Return SaltedPassword: Hi(password, salt, iterations)."""
    prepared = prepare_password(password).encode("utf-8", "surrogatepass")
    return hashlib.pbkdf2_hmac("sha256", prepared, salt, iterations)


def client_proof(salted: bytes, signed: bytes) -> bytes:
    """Return ClientProof, by which a client proves that it has the password."""
    client_key = _hmac(salted, b"Client Key")
    signature = _hmac(hashlib.sha256(client_key).digest(), signed)
    return _xor(client_key, signature)


def proves(keys: ScramKeys, signed: bytes, proof: bytes) -> bool:
    """True if `proof` was made with the password of `keys`."""
    if len(proof) != 32:
        return False
    client_key = _xor(proof, _hmac(keys.stored_key, signed))
    return hmac.compare_digest(hashlib.sha256(client_key).digest(), keys.stored_key)


def server_signature(keys: ScramKeys, signed: bytes) -> bytes:
    """Return ServerSignature, by which a server proves that it has the keys."""
    return _hmac(keys.server_key, signed)


def expected_signature(salted: bytes, signed: bytes) -> bytes:
    """Return ServerSignature as a client computes it from the salted password."""
    return _hmac(_hmac(salted, b"Server Key"), signed)


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
