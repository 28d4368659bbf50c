"""Secrets, which are read once from files and environment variables, and kept separate from the
settings.

The settings only name the sources, so that they can be printed and compared. A secret file that all
users of the machine can read is a fault, not a warning.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mailhost.config.files import unreadable
from mailhost.config.model import Settings
from mailhost.config.problems import Problem, key_of
from mailhost.config.types import Secret

_HASH = re.compile(r"\$argon2|SCRAM-SHA-256\$")
_HOW = "write what `mailhost hash-password` prints there"
_APP_HASH = re.compile(r"\$sha256\$[0-9a-f]{64}")
_APP_HOW = "write what `mailhost hash-password --app` prints there"
_APP = "app_passwords"
_APP_KEY = re.compile(rf'domain\.("[^"]*"|[^."]+)\.account\.("[^"]*"|[^."]+)\.{_APP}\.')
_EXTERNAL = "tls.acme.external_account.key"
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+={0,2}")
LARGEST_SECRET = 65_536  # octets; a secret is one line, so a larger file is the wrong one


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secrets by their sources. `repr` does not show them."""

    values: Mapping[Secret, str] = field(default_factory=dict, repr=False)

    def of(self, source: Secret | None) -> str:
        """Return the secret of this source, empty for None or a source that could not be read."""
        return self.values.get(source, "") if source else ""


def read_secrets(
    settings: Settings, environment: Mapping[str, str] = os.environ
) -> tuple[Secrets, list[Problem]]:
    """Read every secret that the settings name; their file paths are absolute by now.

    Returns the secrets that could be read, and a problem for each of the others.
    """
    values: dict[Secret, str] = {}
    problems: list[Problem] = []
    for key, source in secret_sources(settings):
        try:
            values[source] = _read(source, environment)
            fault = _hash_fault(key, values[source])
            if fault:
                raise _Unreadable(f"{source} holds no {fault}")
        except _Unreadable as error:
            problems.append(Problem(key, str(error)))
    return Secrets(values), problems


def secret_sources(settings: Settings) -> Iterator[tuple[str, Secret]]:
    """Yield every source of a secret, with the key of the setting."""
    if settings.tls.acme.external_account:
        yield _EXTERNAL, settings.tls.acme.external_account.key
    for number, route in enumerate(settings.relay.route):
        if route.password:
            yield key_of(("relay", "route", number, "password")), route.password
    for domain, there in settings.domain.items():
        for name, account in there.account.items():
            if account.password:
                yield key_of(("domain", domain, "account", name, "password")), account.password
            for device, source in account.app_passwords.items():
                yield key_of(("domain", domain, "account", name, _APP, device)), source


def _hash_fault(key: str, secret: str) -> str:
    """Return what a secret is not but should be, an empty text for a good one."""
    if key == _EXTERNAL:
        good = _BASE64URL.fullmatch(secret) and len(secret.rstrip("=")) % 4 != 1
        return "" if good else "key in base64url; write the key as the authority gave it"
    if not key.startswith("domain."):
        return ""
    if _APP_KEY.match(key):
        return "" if _APP_HASH.fullmatch(secret) else f"hash of an app password; {_APP_HOW}"
    return "" if _HASH.search(secret) else f"hash; {_HOW}"


class _Unreadable(Exception):
    """The secret cannot be read; the text of the exception names the remedy."""


def _read(source: Secret, environment: Mapping[str, str]) -> str:
    if source.file:
        return _secret_file(source.file)
    if not environment.get(source.env):
        raise _Unreadable(f"the environment has no variable {source.env}; set it, or use a file")
    return environment[source.env]


def _secret_file(path: str) -> str:
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            contents = file.read(LARGEST_SECRET + 1)
    except OSError as error:
        raise _Unreadable(unreadable(path, error)) from error
    if mode & stat.S_IROTH and stat.S_ISREG(mode):
        raise _Unreadable(f"everybody on this machine can read {path}; run: chmod 600 {path}")
    if len(contents) > LARGEST_SECRET:
        raise _Unreadable(f"{path} is larger than {LARGEST_SECRET} octets; that is no secret")
    return _one_secret(path, contents)


def _one_secret(path: str, contents: bytes) -> str:
    try:
        secret = contents.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise _Unreadable(f"{path} is not text in UTF-8") from error
    if not secret:
        raise _Unreadable(f"{path} is empty; put the secret on its first line")
    return secret
