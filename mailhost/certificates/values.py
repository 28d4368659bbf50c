"""The resources of ACME as values, and the interface of a certificate authority (RFC 8555 §7.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from zope.interface import Interface

HTTP_01 = "http-01"
TLS_ALPN_01 = "tls-alpn-01"
DNS_01 = "dns-01"

PENDING = "pending"
READY = "ready"
PROCESSING = "processing"
VALID = "valid"
INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as the authority described it (RFC 8555 §6.7). `kind` is the last part of its type,
    such as `rateLimited`. `name` is the name that it is about, empty for none or unknown."""

    kind: str
    detail: str
    name: str = ""
    parts: tuple[Problem, ...] = ()

    def __str__(self) -> str:
        return f"{self.detail or 'no explanation'} ({self.kind})"


class AuthorityError(Exception):
    """A request failed; `problem` says how. `wait` are the seconds that the authority asked to
    wait (Retry-After), 0 if it did not ask."""

    def __init__(self, problem: Problem, wait: float = 0.0) -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.wait = wait


UNREACHABLE = "unreachable"  # the kind of a Problem of our own: no answer, or none of ACME


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to prove that a name is ours (RFC 8555 §8)."""

    kind: str
    url: str
    token: str
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Authorization:
    """The state of one name at the authority (RFC 8555 §7.1.4). `name` has no `*.`. `wait` are the
    seconds until the next question."""

    url: str
    name: str
    status: str
    challenges: tuple[Challenge, ...] = ()
    wildcard: bool = False
    wait: float = 0.0

    @property
    def identifier(self) -> str:
        """The name as it was ordered."""
        return f"*.{self.name}" if self.wildcard else self.name

    @property
    def problem(self) -> Problem | None:
        """The error of the challenge that failed."""
        return next((each.problem for each in self.challenges if each.problem), None)


@dataclass(frozen=True, slots=True)
class Order:
    """The state of an order (RFC 8555 §7.1.3). `wait` are the seconds until the next question."""

    url: str
    status: str
    authorizations: tuple[str, ...]
    finalize: str
    certificate: str = ""
    problem: Problem | None = None
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class Window:
    """The time in which the authority wants a certificate to be renewed (RFC 9773 §4.2). `wait` are
    the seconds until the next question."""

    start: datetime
    end: datetime
    wait: float
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """Our account at one authority. `url` is empty before the registration. `caa` are the names of
    the authority in CAA records (RFC 8555 §7.1.1), the first is its usual one."""

    directory: str
    key: bytes = field(repr=False)  # PEM
    url: str = ""
    contact: tuple[str, ...] = ()
    caa: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AccountWanted:
    """The account as the settings have it. `eab_id` and `eab_key` (base64url) tie it to one
    that the authority gave otherwise (RFC 8555 §7.3.4)."""

    directory: str
    contact: tuple[str, ...] = ()
    ca_file: str = ""
    eab_id: str = ""
    eab_key: str = field(default="", repr=False)


class IAuthority(Interface):
    """A certificate authority that we have an account with. All methods block for the network, and
    raise AuthorityError."""

    def open(account: Account) -> Account:
        """Read the directory, and register the account if its URL is empty. Return the account as
        it is to be kept."""

    def key_authorization(token: str) -> str:
        """Return the text that proves the knowledge of the account's key (RFC 8555 §8.1)."""

    def order(names: Sequence[str], replaces: str) -> Order:
        """Make an order. `replaces` is the id of the certificate that is renewed (RFC 9773 §5),
        empty for none."""

    def authorization(url: str) -> Authorization:
        """Return the state of an authorization."""

    def answer(challenge: Challenge) -> None:
        """Have the authority check a challenge."""

    def finalize(order: Order, csr: bytes) -> Order:
        """Ask for the certificate of a request in PEM."""

    def state(order: Order) -> Order:
        """Return an order as it is now."""

    def chain(url: str) -> bytes:
        """Return the certificate with those of its issuers, in PEM."""

    def window(certificate_id: str) -> Window | None:
        """Return when to renew a certificate, None if the authority does not say. No account is
        needed."""
