"""Logins: checking passwords, counting failed logins, and SASL."""

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
    """Decides whether a client may log in. Counts failures for each client address, and delays
    their replies."""

    def mechanisms(client: Client) -> Sequence[str]:
        """Return the SASL mechanisms to offer to this client; none if it must not log in without
        TLS."""

    def password(
        client: Client, username: str, password: str, mechanism: str
    ) -> Awaitable[Address | Status]:
        """Return the account's address, or the refusal (535 5.7.8, 454 4.7.0, 421 4.7.0)."""

    def scram_keys(client: Client, username: str) -> Awaitable[ScramKeys | Status]:
        """Return the keys of an account. For an unknown name return made-up keys, which are always
        the same for that name. A Status is a refusal."""

    def scram_result(client: Client, username: str, proven: bool) -> Awaitable[Address | Status]:
        """The exchange has ended. Count a failure, and return the address of the account, or the
        refusal. `proven` is true if the client proved that it has the password."""


class ILoginGuard(Interface):
    """Counts failed logins for all processes together, and delays their replies.

    User names are as the client wrote them, empty if it has not sent one yet. `mechanism` is the
    name of the SASL mechanism, or of the command.
    """

    def begin(client: Client, username: str, mechanism: str = "") -> Awaitable[Status | None]:
        """Ask whether an attempt may be made. A Status refuses the attempt, and is logged already.
        After None, one of `failed`, `succeeded` and `undecided` must follow."""

    def failed(
        client: Client, username: str, status: Status, guessed: bool = True, mechanism: str = ""
    ) -> Awaitable[None]:
        """The attempt failed. Log it, count it if `guessed` (the client may have guessed a
        password), and return when the client may be answered with `status`."""

    def succeeded(client: Client, username: str) -> None:
        """The attempt succeeded: remove the counted failures of its user."""

    def undecided(client: Client, username: str) -> None:
        """The attempt ended without a result, or continues in another step."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """The server's next message in a SASL exchange, before base64."""

    data: bytes


SASLStep: TypeAlias = Challenge | Address | Status


class ISASLMechanism(Interface):
    """One SASL exchange, server side (RFC 4422). Made new for each AUTH."""

    def respond(response: bytes | None) -> Answer[SASLStep]:
        """Take the client's response, decoded from base64; None if there was no initial response.

        Returns a Challenge for the client, the address of the account after a successful login, or
        a Status as the refusal.
        """


class ILogins(Interface):
    """Checks the logins at one listener, by SASL."""

    def mechanisms(client: Client) -> Sequence[str]:
        """Return the SASL mechanisms to offer to this client; none if it must not log in without
        TLS."""

    def begin(name: str, client: Client) -> ISASLMechanism | None:
        """Return a new exchange of the mechanism `name`; None if it is unknown or not offered to
        this client."""


class IPasswordLogins(ILogins):
    """Checks passwords outside SASL too: POP3's USER and PASS, IMAP's LOGIN."""

    def password(
        client: Client, username: str, password: str, command: str
    ) -> Awaitable[Address | Status]:
        """Return the account's address, or the refusal. `command` is for the log."""
