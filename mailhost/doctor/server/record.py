"""The values that a probe of one service has seen. The findings are computed from these values
without I/O.

A record is filled while the probe runs, so that after a failure it has all values up to the
failure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, IntEnum

from mailhost.doctor.server.services import Place

WITH_PASSWORD = ("PLAIN", "LOGIN", "USER")  # mechanisms that send the password itself


class Step(IntEnum):
    """The steps of a probe. A service that failed at or before HANDSHAKE cannot be used."""

    CONNECT = 1
    GREETING = 2
    HELLO = 3
    HANDSHAKE = 4
    LOGIN = 5
    USE = 6
    END = 7


class Kind(Enum):
    """How a step failed. The value completes the sentence "the server ..."."""

    REFUSED = "refuses connections"
    UNREACHABLE = "cannot be reached"
    TIMED_OUT = "did not answer"
    LOST = "closed the connection"
    RESET = "reset the connection"
    REPLY = "refused"
    STRANGE = "sent something that is not the protocol"
    TLS = "failed"


@dataclass(frozen=True, slots=True)
class Trouble:
    """The reason why a probe ended early. `text` is the message of the server or of the system."""

    step: Step
    kind: Kind
    text: str = ""


@dataclass(frozen=True, slots=True)
class Offered:
    """The extensions or capabilities of a server: the lines of its reply to EHLO, CAPABILITY or
    CAPA, whether STARTTLS is among them, and the names of the SASL mechanisms."""

    lines: tuple[str, ...]
    starttls: bool
    mechanisms: tuple[str, ...]

    @property
    def takes_password(self) -> bool:
        """True if a mechanism sends the password itself."""
        return any(name in WITH_PASSWORD for name in self.mechanisms)


@dataclass(frozen=True, slots=True)
class SeenCertificate:
    """The certificate of a server. `names` are host names and addresses, `problems` the codes of
    OpenSSL (X509_V_ERR_...) for what its verification found, except dates and names. `chain` are
    the certificates that the server sent, its own first, in DER."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    begins: datetime
    ends: datetime
    problems: frozenset[int]
    chain_length: int
    chain: tuple[bytes, ...] = ()

    @property
    def trusted(self) -> bool:
        """True if an authority that this machine trusts issued the certificate."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class SeenTLS:
    """A TLS session: version and cipher by OpenSSL's names. `judged` is False if this machine has
    no certificates of authorities, so that trust cannot be decided."""

    version: str
    cipher: str
    certificate: SeenCertificate | None
    judged: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """The server's answer to a command; `text` has its code where the protocol has codes; `code` is
    0 where there is none."""

    ok: bool
    text: str
    temporary: bool = False
    code: int = 0


@dataclass(slots=True)
class Record:
    """The values of one probe.

    `began` has the first octets that the server sent, `delay` is the number of seconds until the
    greeting came. `in_clear` has the extensions before TLS, `secured` those over TLS; None if the
    server was not asked for them. `withheld` says that the password was not sent, as the connection
    is not safe. `messages` is the number of messages in the mailbox, `fetched` the size of the
    message that was read, in octets. `second` is the record of a second probe at the same port that
    expected another protocol, or another begin of TLS, and worked; None if there is none.
    """

    place: Place
    step: Step = Step.CONNECT
    trouble: Trouble | None = None
    began: bytes = b""
    greeting: str = ""
    delay: float = 0.0
    in_clear: Offered | None = None
    secured: Offered | None = None
    tls: SeenTLS | None = None
    starttls: Answer | None = None
    withheld: bool = False
    login: Answer | None = None
    sender: Answer | None = None
    recipient: Answer | None = None
    messages: int | None = None
    fetched: int | None = None
    second: Record | None = None

    @property
    def works(self) -> bool:
        """True if the server listed its extensions, and no TLS handshake failed."""
        if self.trouble is not None and self.trouble.step <= Step.HANDSHAKE:
            return False
        return self.offered is not None

    @property
    def serves(self) -> bool:
        """True if mail programs can use the service: it works, and a service for mail programs has
        TLS."""
        return self.works and (self.tls is not None or self.place.service.between_servers)

    @property
    def offered(self) -> Offered | None:
        """The extensions after STARTTLS if there was a handshake, else those before it."""
        return self.secured or self.in_clear

    @property
    def connected(self) -> bool:
        """True if a connection was made."""
        return self.trouble is None or self.trouble.step is not Step.CONNECT

    @property
    def silent(self) -> bool:
        """True if the server accepted the connection and sent nothing within the time limit."""
        trouble = self.trouble
        if trouble is None or self.tls is not None or self.began:
            return False
        return trouble.kind is Kind.TIMED_OUT and trouble.step is not Step.CONNECT

    def fail(self, kind: Kind, text: str = "") -> None:
        """Note that the present step failed."""
        self.trouble = Trouble(self.step, kind, text)
