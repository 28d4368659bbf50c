"""What is kept of a password: an argon2id hash, and the keys of SCRAM-SHA-256, in one line.

    $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH SCRAM-SHA-256$4096:SALT$STORED:SERVER

Neither part gives the password back. The second is written as PostgreSQL writes it. A line with
one part alone is fine: SCRAM keys check a plain password too, argon2 alone offers no SCRAM.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import stringprep
import unicodedata
from dataclasses import dataclass, field

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from mailhost.interfaces import ScramKeys

ITERATIONS = 4096  # RFC 7677 §4; argon2 guards the plain password, these keys only the exchange
# OWASP's smallest argon2id: 19 MiB for each password that is checked at the same time
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_SCRAM = re.compile(
    r"SCRAM-SHA-256\$(\d{1,7}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)"
)


class BadSecret(ValueError):
    """The line is no secret that `mailhost hash-password` would have made."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A parsed line. At least one part is there."""

    argon2: str = field(default="", repr=False)
    scram: ScramKeys | None = field(default=None, repr=False)


def hash_password(password: str) -> str:
    """Return the line to keep for `password`. Takes some 50 ms; raises ValueError for one that
    cannot be used (RFC 4013)."""
    prepared = prepare(password)
    keys = scram_keys(prepared, os.urandom(16), ITERATIONS)
    parts = (_base64(part) for part in (keys.salt, keys.stored_key, keys.server_key))
    salt, stored, server = parts
    return f"{HASHER.hash(prepared)} SCRAM-SHA-256${keys.iterations}:{salt}${stored}:{server}"


def parse_secret(line: str) -> Secret:
    """Return the parts of a line. Raises BadSecret."""
    argon2, scram = "", None
    for part in line.split():
        if part.startswith("$argon2"):
            argon2 = part
        elif match := _SCRAM.fullmatch(part):
            scram = _parse_scram(match)
        else:
            raise BadSecret("the password is no hash made by `mailhost hash-password`")
    if not argon2 and scram is None:
        raise BadSecret("the password hash is empty")
    return Secret(argon2, scram)


def verify(line: str, password: str) -> bool:
    """Say whether `password` is the one. Takes some 50 ms. Raises BadSecret."""
    secret = parse_secret(line)
    try:
        prepared = prepare(password)
    except ValueError:
        return False
    if secret.argon2:
        try:
            return HASHER.verify(secret.argon2, prepared)
        except InvalidHashError as error:
            raise BadSecret("the argon2 hash is damaged") from error
        except VerificationError:
            return False
    assert secret.scram is not None
    keys = scram_keys(prepared, secret.scram.salt, secret.scram.iterations)
    return hmac.compare_digest(keys.stored_key, secret.scram.stored_key)


def scram_keys(prepared: str, salt: bytes, iterations: int) -> ScramKeys:
    """Return what a SCRAM server keeps of a prepared password (RFC 5802 §3)."""
    salted = hashlib.pbkdf2_hmac("sha256", prepared.encode(), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    return ScramKeys(salt, iterations, hashlib.sha256(client_key).digest(), server_key)


def prepare(password: str) -> str:
    """Return the password in the form that all clients agree on (SASLprep, RFC 4013).

    Raises ValueError for one that is empty or has characters that cannot be typed again.
    """
    if password.isascii() and password.isprintable() and password:
        return password
    mapped = "".join(
        " " if stringprep.in_table_c12(letter) else letter
        for letter in password
        if not stringprep.in_table_b1(letter)
    )
    text = unicodedata.normalize("NFKC", mapped)
    if not text or any(map(_prohibited, text)):
        raise ValueError("a password needs characters, and none that cannot be seen")
    if any(map(stringprep.in_table_d1, text)) and not (
        stringprep.in_table_d1(text[0])
        and stringprep.in_table_d1(text[-1])
        and not any(map(stringprep.in_table_d2, text))
    ):
        raise ValueError("a password may not mix scripts that run in two directions")
    return text


def _prohibited(letter: str) -> bool:
    """RFC 4013 §2.3, and §2.5: characters that are not assigned."""
    return (
        stringprep.in_table_c12(letter)
        or stringprep.in_table_c21_c22(letter)
        or stringprep.in_table_c3(letter)
        or stringprep.in_table_c4(letter)
        or stringprep.in_table_c5(letter)
        or stringprep.in_table_c6(letter)
        or stringprep.in_table_c7(letter)
        or stringprep.in_table_c8(letter)
        or stringprep.in_table_c9(letter)
    )


def _parse_scram(match: re.Match[str]) -> ScramKeys:
    try:
        salt, stored, server = (base64.b64decode(match[n], validate=True) for n in (2, 3, 4))
    except binascii.Error as error:
        raise BadSecret("the SCRAM keys are damaged") from error
    if not int(match[1]):
        raise BadSecret("the SCRAM keys are damaged")
    return ScramKeys(salt, int(match[1]), stored, server)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
