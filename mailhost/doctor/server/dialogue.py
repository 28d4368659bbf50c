"""The arguments of a dialogue with one service, and the steps that SMTP, IMAP and POP3 have in
common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from mailhost.doctor.server.connecting import Limits, OpenEndpoint
from mailhost.doctor.server.record import Answer, Offered
from mailhost.doctor.server.tls import TLSExaminer
from mailhost.doctor.server.transcript import Secrets, Transcript


@dataclass(frozen=True, slots=True)
class Asked:
    """The attempts after the server has listed its extensions. There is no login without `user`;
    `insecure` allows a login without TLS that is verified. With `recipient` MAIL and RCPT are sent,
    and no message; an empty `sender` is the null reverse-path."""

    user: str = ""
    password: str = field(default="", repr=False)
    sender: str = ""
    recipient: str = ""
    insecure: bool = False

    @property
    def secrets(self) -> Secrets:
        """The texts that transcripts never show."""
        return Secrets(self.user, self.password)


@dataclass(frozen=True, slots=True)
class Means:
    """The services and settings that all probes share. `hostname` is the name of this host in EHLO,
    empty for the address of this machine; `on_transcript` is called with the transcript of each
    probe when it ends. Certificates are judged for the time `now`. `until` is the time of the clock
    before which further attempts at a port have to end."""

    clock: IReactorTime
    open_endpoint: OpenEndpoint
    tls: TLSExaminer
    now: datetime
    hostname: str
    on_transcript: Callable[[Transcript], None]
    limits: Limits
    until: float = inf

    def have(self, seconds: float) -> bool:
        """Return whether an attempt may begin that takes so many seconds."""
        return self.clock.seconds() + seconds <= self.until


class ServiceDialogue(Protocol):
    """A dialogue with one service. Each method raises Broken if the dialogue cannot go on."""

    async def connect(self) -> None:
        """Connect to the place of the record."""

    async def handshake(self) -> None:
        """Perform the TLS handshake."""

    async def greet(self) -> str:
        """Return the greeting. Raises Broken also for a refusal."""

    async def hello(self) -> Offered:
        """Ask the server for its extensions or capabilities."""

    async def start_tls(self) -> Answer:
        """Ask for TLS."""

    async def log_in(self, offered: Offered, asked: Asked) -> Answer:
        """Log in. The text of the answer is empty if the server offers no mechanism that is
        implemented here."""

    async def use(self, offered: Offered, asked: Asked) -> None:
        """Do what mail programs do next: name a recipient, or read a message."""

    async def quit(self) -> None:
        """Send QUIT or LOGOUT."""

    def abort(self) -> None:
        """Close the connection, if there is one."""
