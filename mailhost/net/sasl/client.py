"""SASL for a client: how we log in to a smarthost, with the best mechanism that it offers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol

from mailhost.net.sasl.scram import xor

_MOST_ITERATIONS = 1_000_000


class LoginFailed(Exception):
    """The server does not prove that it knows the password, or speaks nonsense."""


class ClientMechanism(Protocol):
    """One exchange of the client's."""

    name: str

    def initial(self) -> bytes | None:
        """The initial response, None where the mechanism has none."""

    def respond(self, challenge: bytes) -> bytes:
        """The response to a challenge. Raises LoginFailed."""


def choose_mechanism(offered: Collection[str], user: str, password: str) -> ClientMechanism | None:
    """Return the best mechanism among those offered, None where we know none of them."""
    for make in (ScramClient, PlainClient, LoginClient):
        if make.name in offered:
            return make(user, password)
    return None


@dataclass
class PlainClient:
    """PLAIN (RFC 4616)."""

    user: str
    password: str = field(repr=False)
    name = "PLAIN"

    def initial(self) -> bytes | None:
        return f"\0{self.user}\0{self.password}".encode()

    def respond(self, challenge: bytes) -> bytes:
        return self.initial() or b""


@dataclass
class LoginClient:
    """LOGIN: the name, then the password, whatever the challenges say."""

    user: str
    password: str = field(repr=False)
    name = "LOGIN"
    _asked: bool = False

    def initial(self) -> bytes | None:
        return None

    def respond(self, challenge: bytes) -> bytes:
        if self._asked:
            return self.password.encode()
        self._asked = True
        return self.user.encode()


@dataclass
class ScramClient:
    """SCRAM-SHA-256 (RFC 5802, RFC 7677)."""

    user: str
    password: str = field(repr=False)
    name = "SCRAM-SHA-256"
    _nonce: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    _proof_of_server: bytes | None = None

    def initial(self) -> bytes | None:
        return b"n,," + self._bare()

    def _bare(self) -> bytes:
        name = self.user.replace("=", "=3D").replace(",", "=2C")
        return f"n={name},r={self._nonce}".encode()

    def respond(self, challenge: bytes) -> bytes:
        if self._proof_of_server is None:
            return self._prove(challenge)
        if challenge != b"v=" + base64.b64encode(self._proof_of_server):
            raise LoginFailed("the server does not know the password either")
        return b""

    def _prove(self, challenge: bytes) -> bytes:
        match = re.fullmatch(rb"r=([!-+\--~]+),s=([A-Za-z0-9+/=]+),i=(\d{1,7})(?:,.*)?", challenge)
        if not match or not match[1].startswith(self._nonce.encode()):
            raise LoginFailed("the server's first message is no SCRAM")
        if not 1 <= int(match[3]) <= _MOST_ITERATIONS:
            raise LoginFailed(f"the server asks for {int(match[3])} iterations")
        salted = hashlib.pbkdf2_hmac(
            "sha256", self.password.encode(), base64.b64decode(match[2]), int(match[3])
        )
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        final = b"c=biws,r=" + match[1]
        exchange = b",".join((self._bare(), challenge, final))
        signature = hmac.digest(hashlib.sha256(client_key).digest(), exchange, "sha256")
        self._proof_of_server = hmac.digest(
            hmac.digest(salted, b"Server Key", "sha256"), exchange, "sha256"
        )
        return final + b",p=" + base64.b64encode(xor(client_key, signature))
