"""App passwords: a password for one device or program, made here and shown once.

A password has 26 characters with five random bits each. Only its SHA-256 is kept. The slow
hash and the salt of other passwords are there because people choose words that can be guessed or
listed; 130 random bits can be neither, whatever a hash costs. So a login with an app password
takes no time and no memory, also for a phone that logs in every minute.

The hash is `$sha256$` and 64 hexadecimal digits. Hyphens, blanks and the case of letters do not
matter, as the password is typed from a screen. There are no keys for SCRAM: SCRAM has one salt
for an account, and a client proves one password with it (RFC 5802 §3).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from mailhost.interfaces.accounts import Account, AppPassword

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH = 26
_GROUP = 5  # characters between two hyphens
_SCHEME = "$sha256$"
_IGNORED = str.maketrans("", "", "- ")


def new_app_password() -> str:
    """Return a new password, such as `k3x9m-...`."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    return "-".join(letters[at : at + _GROUP] for at in range(0, _LENGTH, _GROUP))


def hash_app_password(password: str) -> str:
    """Return what is kept of an app password."""
    typed = password.translate(_IGNORED).lower()
    return _SCHEME + hashlib.sha256(typed.encode("utf-8", "surrogatepass")).hexdigest()


def matching(account: Account | None, hashed: str) -> AppPassword | None:
    """Return the app password with this hash, None where the account has none.

    All are compared, so that the time does not tell which one it was.
    """
    found = None
    for each in account.app_passwords if account else ():
        if hmac.compare_digest(each.hash.encode(), hashed.encode()):
            found = each
    return found
