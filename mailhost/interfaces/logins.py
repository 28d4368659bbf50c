"""Logins: passwords, the guard against guessing, and SASL."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from zope.interface import Interface

from mailhost.interfaces.answer import Answer
from mailhost.message.address import Address
from mailhost.message.client import Client
from mailhost.message.status import Status


@dataclass(frozen=True, slots=True)
class ScramKeys:
    """The values that SCRAM-SHA-256 stores in place of a password (RFC 5802 §3)."""

    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes


class IAuthenticator(Interface):
    """Says who may log in. Slows down and counts failures for each client address."""

    def mechanisms(client: Client) -> Sequence[str]:
        """SASL mechanisms to offer this client now; none where a password would be in the clear."""

    def password(
        client: Client, username: str, password: str, mechanism: str
    ) -> Awaitable[Address | Status]:
        """Return the account's address, or the refusal (535 5.7.8, 454 4.7.0, 421 4.7.0)."""

    def scram_keys(client: Client, username: str) -> Awaitable[ScramKeys | Status]:
        """Return the keys of an account; made-up but steady ones for an unknown name."""

    def scram_result(client: Client, username: str, proven: bool) -> Awaitable[Address | Status]:
        """The exchange ended: count it, and return the account or the refusal."""


class ILoginGuard(Interface):
    """Counts failed logins for all processes together, and slows them down.

    User names are as the client wrote them, empty where it has said none yet.
    """

    def begin(client: Client, username: str) -> Awaitable[Status | None]:
        """Ask before an attempt is judged. A Status refuses the attempt, and is logged already.
        After None, one of `failed`, `succeeded` and `undecided` must follow."""

    def failed(
        client: Client, username: str, status: Status, guessed: bool = True
    ) -> Awaitable[None]:
        """The attempt failed: log it, count it where it was a guess, and wait until the client may
        be answered."""

    def succeeded(client: Client, username: str) -> None:
        """The attempt succeeded: forgive the failures of its user."""

    def undecided(client: Client, username: str) -> None:
        """The attempt ended without a result, or goes on in another step."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """The server's next message in a SASL exchange, before base64."""

    data: bytes


SASLStep: TypeAlias = Challenge | Address | Status


class ISASLMechanism(Interface):
    """One SASL exchange, server side (RFC 4422). Made new for each AUTH."""

    def respond(response: bytes | None) -> Answer[SASLStep]:
        """Take the client's response, decoded; None at first where it sent no initial response.

        Returns a Challenge to go on, the account's Address when proven, a Status when refused.
        """


class ILogins(Interface):
    """Judges the logins of one listener, by SASL."""

    def mechanisms(client: Client) -> Sequence[str]:
        """SASL mechanisms to offer this client now; none where a password would be in the clear."""

    def begin(name: str, client: Client) -> ISASLMechanism | None:
        """A new exchange, None for a mechanism that is not known or not for this client now."""


class IPasswordLogins(ILogins):
    """Takes a password outside SASL too: POP3's USER and PASS, IMAP's LOGIN."""

    def password(
        client: Client, username: str, password: str, command: str
    ) -> Awaitable[Address | Status]:
        """Return the account's address, or the refusal. `command` is for the log."""
