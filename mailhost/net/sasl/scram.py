"""SCRAM-SHA-256, server side (RFC 5802, RFC 7677): the password itself is never sent.

Channel binding is not offered: `n` and `y` are accepted, `p=` is refused.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass

from zope.interface import implementer

from mailhost.interfaces.answer import Answer
from mailhost.interfaces.logins import (
    Challenge,
    IAuthenticator,
    ISASLMechanism,
    SASLStep,
    ScramKeys,
)
from mailhost.message.address import Address
from mailhost.message.client import Client
from mailhost.message.status import Status
from mailhost.net.sasl.scram_keys import proves, server_signature
from mailhost.net.sasl.terms import (
    MALFORMED,
    NOT_YOURSELF,
    Malformed,
    decode_text,
    same_user,
)

NO_BINDING = Status(535, "5.7.8", "Channel binding is not offered here; log in without it")


@dataclass(frozen=True, slots=True)
class ClientFirst:
    """The client-first-message of RFC 5802 §7. `bare` is its part that both sides sign."""

    gs2_header: str
    authzid: str
    username: str
    nonce: str
    bare: str


@dataclass(frozen=True, slots=True)
class ClientFinal:
    """The client-final-message of RFC 5802 §7. `without_proof` is its part that both sides sign."""

    binding: bytes
    nonce: str
    proof: bytes
    without_proof: str


class BindingWanted(Exception):
    """The client requires channel binding."""


@implementer(ISASLMechanism)
class ScramSha256Mechanism:
    """One exchange. `nonce` is the server's part of the nonce, for tests."""

    name = "SCRAM-SHA-256"

    def __init__(self, client: Client, authenticator: IAuthenticator, nonce: str = "") -> None:
        self._client = client
        self._authenticator = authenticator
        self._nonce = nonce or secrets.token_urlsafe(18)
        self._first: ClientFirst | None = None
        self._server_first = ""
        self._keys: ScramKeys | None = None
        self._account: Address | None = None

    def respond(self, response: bytes | None) -> Answer[SASLStep]:
        if response is None:
            return Challenge(b"")
        if self._account is not None:
            if response:
                return MALFORMED.because("SCRAM: text in the last response")
            return self._account
        try:
            if self._first is None:
                return self._begin(parse_client_first(decode_text(response)))
            return self._end(self._first, parse_client_final(decode_text(response)))
        except Malformed as error:
            return MALFORMED.because(f"SCRAM: {error}")
        except BindingWanted:
            return NO_BINDING

    def _begin(self, first: ClientFirst) -> Answer[SASLStep]:
        if not same_user(first.authzid, first.username):
            cause = f"{first.username[:100]!r} asked to be {first.authzid[:100]!r}"
            return NOT_YOURSELF.because(cause)
        self._first = first
        return self._challenge(first)

    async def _challenge(self, first: ClientFirst) -> SASLStep:
        keys = await self._authenticator.scram_keys(self._client, first.username)
        if isinstance(keys, Status):
            return keys
        self._keys = keys
        salt = base64.b64encode(keys.salt).decode()
        self._server_first = f"r={first.nonce}{self._nonce},s={salt},i={keys.iterations}"
        return Challenge(self._server_first.encode())

    def _end(self, first: ClientFirst, final: ClientFinal) -> Answer[SASLStep]:
        if self._keys is None:
            raise Malformed("a response before its challenge")
        if final.binding != first.gs2_header.encode():
            raise Malformed("the channel binding differs from the first message")
        if final.nonce != first.nonce + self._nonce:
            raise Malformed("the nonce differs from the challenge")
        return self._check(self._keys, first, final)

    async def _check(self, keys: ScramKeys, first: ClientFirst, final: ClientFinal) -> SASLStep:
        signed = f"{first.bare},{self._server_first},{final.without_proof}".encode()
        proven = proves(keys, signed, final.proof)
        # called before the signature is sent, since that shows that the password is right
        result = await self._authenticator.scram_result(self._client, first.username, proven)
        if isinstance(result, Status):
            return result
        self._account = result
        return Challenge(b"v=" + base64.b64encode(server_signature(keys, signed)))


def parse_client_first(message: str) -> ClientFirst:
    """Return the parsed message. Raises Malformed, BindingWanted."""
    flag, _, rest = message.partition(",")
    authzid, comma, bare = rest.partition(",")
    if flag.startswith("p="):
        raise BindingWanted
    if flag not in ("n", "y") or not comma or (authzid and not authzid.startswith("a=")):
        raise Malformed("no GS2 header")
    parts = bare.split(",")
    if len(parts) < 2 or not parts[0].startswith("n=") or not parts[1].startswith("r="):
        raise Malformed("expected n=, then r=")  # `m=` is refused too (RFC 5802 §5.1)
    username, nonce = _saslname(parts[0][2:]), parts[1][2:]
    if not username or not nonce or not (nonce.isascii() and nonce.isprintable()):
        raise Malformed("an empty or unfit user name or nonce")
    return ClientFirst(f"{flag},{authzid},", _saslname(authzid[2:]), username, nonce, bare)


def parse_client_final(message: str) -> ClientFinal:
    """Return the parsed message. Raises Malformed."""
    without_proof, found, proof = message.rpartition(",p=")
    parts = without_proof.split(",")
    if not found or len(parts) < 2 or parts[0][:2] != "c=" or parts[1][:2] != "r=":
        raise Malformed("expected c=, r= and p=")
    return ClientFinal(_base64(parts[0][2:]), parts[1][2:], _base64(proof), without_proof)


def _saslname(text: str) -> str:
    """Decode `=2C` and `=3D`. Any other `=` is malformed (RFC 5802 §5.1)."""
    if "=" in text.replace("=2C", "").replace("=3D", ""):
        raise Malformed("a bare = in a name")
    return text.replace("=2C", ",").replace("=3D", "=")


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed("not base64") from error
