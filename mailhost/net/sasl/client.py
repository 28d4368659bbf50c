"""SASL, client side: logging in to a smarthost.

An exchange gives its initial response, or None if it has none, and then a response to each
challenge. All octets are without base64. `choose` returns an exchange of the best mechanism that
both sides support.
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
# takes a tenth of a second; a server must not block this process for longer
MOST_ITERATIONS = 500_000


class BadChallenge(Exception):
    """The server's challenge is malformed, or the server did not prove that it has the password."""


class ClientExchange(Protocol):
    """One login, client side. Each login needs a new exchange."""

    @property
    def name(self) -> str:
        """The name of the mechanism."""

    def initial(self) -> bytes | None:
        """Return the initial response, None if the server sends the first message."""

    def respond(self, challenge: bytes) -> bytes:
        """Return the response to a challenge. Raises BadChallenge: then the connection must be
        closed."""


def choose(
    offered: Iterable[str], username: str, password: str, secure: bool
) -> ClientExchange | None:
    """Return an exchange of the best mechanism among the names in `offered`, None if none can be
    used.

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
    """The mechanism PLAIN (RFC 4616)."""

    name = "PLAIN"

    def __init__(self, username: str, password: str) -> None:
        self._message = b"\0".join((b"", username.encode(), prepare_password(password).encode()))

    def initial(self) -> bytes | None:
        return self._message

    def respond(self, challenge: bytes) -> bytes:
        if challenge:
            raise BadChallenge("PLAIN: the server asks for more")
        return self._message  # a server that ignored the initial response sends an empty challenge


class LoginClient:
    """The mechanism LOGIN: sends the name, then the password, whatever the text of the
    challenges."""

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
    """The mechanism SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding. `nonce` is for
    tests."""

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
            raise BadChallenge("SCRAM: the server's first message is malformed") from error
        if (nonce[:2], salt[:2], iterations[:2]) != ("r=", "s=", "i="):
            raise BadChallenge("SCRAM: the server's first message is malformed")
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
