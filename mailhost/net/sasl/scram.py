"""SCRAM-SHA-256, server side (RFC 5802, RFC 7677): the password itself never travels.

Channel binding is not offered: `n` and `y` are taken, `p=` is refused (RFC 5802 §6).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets

from zope.interface import implementer

from mailhost.interfaces import (
    Answer,
    Challenge,
    IAuthenticator,
    ISASLMechanism,
    SASLStep,
    ScramKeys,
)
from mailhost.message.address import Address
from mailhost.message.client import Client
from mailhost.message.status import Status
from mailhost.net.sasl.plain import NO_PROXY

NAME = "SCRAM-SHA-256"
MALFORMED = Status(501, "5.5.2", "That is no message of SCRAM-SHA-256")
NO_BINDING = Status(501, "5.7.0", "Channel binding is not offered here")

# client-first-message = gs2-header client-first-message-bare  (RFC 5802 §7)
_FIRST = re.compile(r"((?:n|y|p=[A-Za-z0-9.-]+),(?:a=([^,]+))?,)(n=([^,]+),r=([!-+\--~]+)(?:,.*)?)")
# client-final-message = channel-binding "," nonce ["," extensions] "," proof
_FINAL = re.compile(r"(c=([A-Za-z0-9+/=]+),r=([!-+\--~]+)(?:,.*)?),p=([A-Za-z0-9+/=]+)")


@implementer(ISASLMechanism)
class ScramSHA256:
    """One exchange: first message, final message, and the client's empty last word."""

    def __init__(self, client: Client, authenticator: IAuthenticator) -> None:
        self._client = client
        self._authenticator = authenticator
        self._expects = self._first
        self._username = ""
        self._header = ""
        self._nonce = ""
        self._exchange = ""  # AuthMessage as far as it is known
        self._keys: ScramKeys | None = None
        self._proven: Address | None = None

    def respond(self, response: bytes | None) -> Answer[SASLStep]:
        if response is None:
            return Challenge(b"")
        try:
            text = response.decode()
        except UnicodeDecodeError:
            return MALFORMED
        return self._expects(text)

    def _first(self, text: str) -> Answer[SASLStep]:
        match = _FIRST.fullmatch(text)
        name = _unescape(match[4]) if match else None
        if not match or name is None:
            return MALFORMED
        if match[1].startswith("p"):
            return NO_BINDING
        if match[2] is not None and _unescape(match[2]) != name:
            return NO_PROXY
        self._username, self._header, self._exchange = name, match[1], match[3]
        self._nonce = match[5] + secrets.token_urlsafe(18)
        return self._challenge()

    async def _challenge(self) -> SASLStep:
        keys = await self._authenticator.scram_keys(self._client, self._username)
        if isinstance(keys, Status):
            return keys
        self._keys, self._expects = keys, self._final
        salt = base64.b64encode(keys.salt).decode()
        words = f"r={self._nonce},s={salt},i={keys.iterations}"
        self._exchange += "," + words
        return Challenge(words.encode())

    def _final(self, text: str) -> Answer[SASLStep]:
        match = _FINAL.fullmatch(text)
        if not match or match[3] != self._nonce or self._keys is None:
            return MALFORMED
        try:
            binding = base64.b64decode(match[2], validate=True)
            proof = base64.b64decode(match[4], validate=True)
        except binascii.Error:
            return MALFORMED
        if binding != self._header.encode():
            return MALFORMED
        return self._judge(self._keys, f"{self._exchange},{match[1]}".encode(), proof)

    async def _judge(self, keys: ScramKeys, exchange: bytes, proof: bytes) -> SASLStep:
        signature = hmac.digest(keys.stored_key, exchange, "sha256")
        proven = len(proof) == len(signature) and hmac.compare_digest(
            hashlib.sha256(xor(proof, signature)).digest(), keys.stored_key
        )
        result = await self._authenticator.scram_result(self._client, self._username, proven)
        if isinstance(result, Status):
            return result
        self._proven, self._expects = result, self._last
        server = hmac.digest(keys.server_key, exchange, "sha256")
        return Challenge(b"v=" + base64.b64encode(server))

    def _last(self, text: str) -> Answer[SASLStep]:
        return self._proven if self._proven is not None and not text else MALFORMED


def xor(one: bytes, other: bytes) -> bytes:
    """Return the exclusive or of two strings of one length."""
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _unescape(name: str) -> str | None:
    """Return a saslname without its escapes, None for a bad one (RFC 5802 §5.1)."""
    if re.search("=(?!2C|3D)", name):
        return None
    return name.replace("=2C", ",").replace("=3D", "=")
