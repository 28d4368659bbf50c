"""SASL, client side: how we log in to a smarthost.

An exchange gives its initial response, None where it has none, then a response to each challenge.
No value is in base64. `choose` takes the best mechanism that both sides know.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Iterable
from typing import Protocol

from mailhost.net.sasl.saslprep import prepare_password
from mailhost.net.sasl.scram_keys import client_proof, expected_signature, salted_password

FEWEST_ITERATIONS = 4096  # RFC 7677 §4
MOST_ITERATIONS = 500_000  # a tenth of a second; a server must not stop us for longer


class BadChallenge(Exception):
    """The server's challenge is malformed, or the server does not know the password itself."""


class ClientExchange(Protocol):
    """One login, client side. Made new for each."""

    @property
    def name(self) -> str:
        """The mechanism's name."""

    def initial(self) -> bytes | None:
        """The initial response, None where the server speaks first."""

    def respond(self, challenge: bytes) -> bytes:
        """Return the response to a challenge. Raises BadChallenge: give up the connection."""


def choose(
    offered: Iterable[str], username: str, password: str, secure: bool
) -> ClientExchange | None:
    """Return an exchange of the best mechanism offered, None where none will do.

    On a connection that is not `secure` (no TLS) the password itself is never sent.
    """
    names = {name.upper() for name in offered}
    if ScramSha256Client.name in names:
        return ScramSha256Client(username, password)
    if secure and PlainClient.name in names:
        return PlainClient(username, password)
    if secure and LoginClient.name in names:
        return LoginClient(username, password)
    return None


class PlainClient:
    """RFC 4616."""

    name = "PLAIN"

    def __init__(self, username: str, password: str) -> None:
        self._message = b"\0".join((b"", username.encode(), prepare_password(password).encode()))

    def initial(self) -> bytes | None:
        return self._message

    def respond(self, challenge: bytes) -> bytes:
        if challenge:
            raise BadChallenge("PLAIN: the server asks for more")
        return self._message  # a server that took no initial response asks with nothing


class LoginClient:
    """Sends the user name, then the password, whatever text the challenges have."""

    name = "LOGIN"

    def __init__(self, username: str, password: str) -> None:
        self._answers = [password.encode(), username.encode()]

    def initial(self) -> bytes | None:
        return None

    def respond(self, challenge: bytes) -> bytes:
        if not self._answers:
            raise BadChallenge("LOGIN: the server asks for more")
        return self._answers.pop()


class ScramSha256Client:
    """RFC 5802, RFC 7677, without channel binding. `nonce` is for tests."""

    name = "SCRAM-SHA-256"

    def __init__(self, username: str, password: str, nonce: str = "") -> None:
        self._password = password
        self._nonce = nonce or secrets.token_urlsafe(18)
        name = username.replace("=", "=3D").replace(",", "=2C")
        self._bare = f"n={name},r={self._nonce}"
        self._signature: bytes | None = None
        self._done = False

    def initial(self) -> bytes | None:
        return f"n,,{self._bare}".encode()

    def respond(self, challenge: bytes) -> bytes:
        if self._done:
            raise BadChallenge("SCRAM: the server asks for more")
        if self._signature is not None:
            self._check_server(challenge)
            return b""
        if not challenge:
            return f"n,,{self._bare}".encode()
        return self._prove(challenge)

    def _prove(self, challenge: bytes) -> bytes:
        server_first = challenge.decode("utf-8", "replace")
        nonce, salt, iterations = self._parse(server_first)
        without_proof = f"c=biws,r={nonce}"
        signed = f"{self._bare},{server_first},{without_proof}".encode()
        salted = salted_password(self._password, salt, iterations)
        self._signature = expected_signature(salted, signed)
        proof = base64.b64encode(client_proof(salted, signed)).decode()
        return f"{without_proof},p={proof}".encode()

    def _parse(self, server_first: str) -> tuple[str, bytes, int]:
        try:
            nonce, salt, iterations = server_first.split(",")[:3]
            found = nonce[2:], base64.b64decode(salt[2:], validate=True), int(iterations[2:])
        except (ValueError, binascii.Error) as error:
            raise BadChallenge("SCRAM: the server's first message makes no sense") from error
        if (nonce[:2], salt[:2], iterations[:2]) != ("r=", "s=", "i="):
            raise BadChallenge("SCRAM: the server's first message makes no sense")
        if not found[0].startswith(self._nonce) or found[0] == self._nonce:
            raise BadChallenge("SCRAM: the server's nonce does not continue ours")
        if not FEWEST_ITERATIONS <= found[2] <= MOST_ITERATIONS:
            asked = str(found[2])[:20]
            raise BadChallenge(f"SCRAM: {asked} iterations are too few or too many")
        return found

    def _check_server(self, challenge: bytes) -> None:
        expected = b"v=" + base64.b64encode(self._signature or b"")
        if not hmac.compare_digest(challenge.partition(b",")[0], expected):
            raise BadChallenge("SCRAM: the server could not prove that it knows the password")
        self._done = True
