"""The stored form of a password: one line with an argon2id hash and the keys of SCRAM-SHA-256.

    $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY

Either part may be missing. Without the argon2id hash, a plain password is checked with the SCRAM
keys. Without the SCRAM keys, no login by SCRAM is possible. The SCRAM keys are in the form that
PostgreSQL uses. Passwords are prepared by SASLprep, so that a password gives the same octets on all
machines on which it is typed.

One hash takes 19 MiB and some 25 ms. OWASP advises these parameters, and a small host can afford
them.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets
from dataclasses import dataclass

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from argon2.low_level import verify_secret

from mailhost.interfaces.logins import ScramKeys
from mailhost.net.sasl.saslprep import prepare_password
from mailhost.net.sasl.scram_keys import derive_keys

# The client computes them at each login; 4096 (RFC 7677) are too few. Clients that use Cyrus SASL,
# such as mbsync, mutt and Postfix, refuse to compute more than this number.
ITERATIONS = 65_536
LONGEST_PASSWORD = 1024  # characters
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, type=Type.ID)
_ARGON2 = re.compile(
    r"\$argon2(?:id|i|d)\$v=\d+\$m=(\d{1,8}),t=(\d{1,3}),p=(\d{1,2})\$[\w+/]+\$[\w+/]+", re.ASCII
)
_MOST_MEMORY = 1 << 20  # KiB for one verification
_MOST_ITERATIONS = 10_000_000  # of SCRAM keys


class BadSecret(ValueError):
    """The text is not a valid stored secret."""


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """The parts of a secret; at least one is there."""

    argon2: str = ""
    scram: ScramKeys | None = None


def hash_password(password: str) -> str:
    """Return the secret to store for a password. Blocks for some 50 ms.

    Raises ValueError for an empty password, or one of more than LONGEST_PASSWORD characters.
    """
    if not password or len(password) > LONGEST_PASSWORD:
        raise ValueError(f"a password has 1 to {LONGEST_PASSWORD} characters")
    keys = derive_keys(password, secrets.token_bytes(16), ITERATIONS)
    return f"{_HASHER.hash(prepare_password(password))} {_format_keys(keys)}"


def parse_secret(text: str) -> StoredSecret:
    """Return the parts of a secret. Raises BadSecret."""
    argon2, scram = "", None
    for part in text.split():
        if part.startswith("SCRAM-SHA-256$") and scram is None:
            scram = _parse_keys(part)
        elif part.startswith("$argon2") and not argon2:
            argon2 = _check_argon2(part)
        else:
            raise BadSecret("it is no hash made by `mailhost hash-password`")
    if not argon2 and scram is None:
        raise BadSecret("it is empty")
    return StoredSecret(argon2, scram)


def verify(secret: str, password: str) -> bool:
    """True if `password` belongs to this secret. Blocks for some 25 ms. Raises BadSecret."""
    stored = parse_secret(secret)
    if not password or len(password) > LONGEST_PASSWORD:
        return False
    if stored.argon2:
        return _verify_argon2(stored.argon2, prepare_password(password))
    assert stored.scram is not None
    keys = derive_keys(password, stored.scram.salt, stored.scram.iterations)
    return hmac.compare_digest(keys.stored_key, stored.scram.stored_key)


def _verify_argon2(encoded: str, password: str) -> bool:
    kind = {"$argon2i$": Type.I, "$argon2d$": Type.D}.get(encoded[:9], Type.ID)
    try:
        return verify_secret(encoded.encode(), password.encode("utf-8", "surrogatepass"), kind)
    except VerifyMismatchError:
        return False
    except (VerificationError, InvalidHashError) as error:
        raise BadSecret(f"argon2 cannot use it: {error}") from error


def _check_argon2(part: str) -> str:
    match = _ARGON2.fullmatch(part)
    if not match:
        raise BadSecret("its argon2 part is damaged")
    if int(match[1]) > _MOST_MEMORY:
        raise BadSecret(f"its argon2 part asks for {match[1]} KiB of memory")
    return part


def _format_keys(keys: ScramKeys) -> str:
    salt, stored, server = (
        base64.b64encode(value).decode() for value in (keys.salt, keys.stored_key, keys.server_key)
    )
    return f"SCRAM-SHA-256${keys.iterations}:{salt}${stored}:{server}"


def _parse_keys(part: str) -> ScramKeys:
    try:
        _, first, second = part.split("$")
        iterations, salt = first.split(":")
        stored, server = (base64.b64decode(value, validate=True) for value in second.split(":"))
        keys = ScramKeys(base64.b64decode(salt, validate=True), int(iterations), stored, server)
    except (ValueError, binascii.Error) as error:
        raise BadSecret("its SCRAM part is damaged") from error
    fits = len(keys.stored_key) == len(keys.server_key) == 32 and keys.salt
    if not fits or not 0 < keys.iterations <= _MOST_ITERATIONS:
        raise BadSecret("its SCRAM part is damaged")
    return keys
