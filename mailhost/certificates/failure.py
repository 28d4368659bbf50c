"""The reasons why a name has no certificate, as the authority gave them, and the remedies (RFC 8555
§6.7 has the kinds of errors)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mailhost.certificates.values import (
    DNS_01,
    HTTP_01,
    TLS_ALPN_01,
    UNREACHABLE,
    Problem,
)

RATE_LIMITED = "rateLimited"
NO_ACCOUNT = "accountDoesNotExist"
OURS = "here"  # the kind of a failure that no authority reported
NO_CHALLENGE = "noChallenge"  # this host can answer none
NOT_USABLE = "notUsable"  # the authority sent no certificate, or another than the one ordered
_NOT_SAID = (OURS, UNREACHABLE, NO_CHALLENGE, NOT_USABLE)  # kinds with a text of ours
# kinds of failures that every order at the directory would meet
OF_DIRECTORY = frozenset(
    (
        UNREACHABLE,
        RATE_LIMITED,
        NO_ACCOUNT,
        NO_CHALLENGE,
        "badNonce",
        "badSignatureAlgorithm",
        "externalAccountRequired",
        "invalidContact",
        "serverInternal",
        "unauthorized",
        "unsupportedContact",
        "userActionRequired",
    )
)

# where the authority connects to, for each challenge
_PLACES: Mapping[str, str] = {
    HTTP_01: "port 80 of the addresses of {name}",
    TLS_ALPN_01: "port 443 of the addresses of {name}",
    DNS_01: "the authoritative servers of {name}",
}
_REACHABLE = (
    "let the authority reach {place}: look at the firewall, and at the A and AAAA records of {name}"
)
_REMEDIES: Mapping[str, str] = {
    "connection": _REACHABLE,
    "tls": "let mailhost itself answer at {place}: no other server or proxy may end TLS there",
    "dns": "correct the A, AAAA, CNAME and DNSSEC records of {name}: `mailhost dns --check` helps",
    "unauthorized": "let mailhost itself answer at {place}: another server answered there",
    "incorrectResponse": "let mailhost itself answer at {place}: another server answered there",
    "caa": "add a CAA record for {name} that allows this authority, or remove those that do not",
    "rejectedIdentifier": "leave {name} out: this authority gives no certificate for such a name",
    "unsupportedIdentifier": "leave {name} out: this authority gives no such certificates",
    RATE_LIMITED: "wait: the host tries again when the authority allows it",
    "badPublicKey": "write another key in [tls.acme]",
    "badCSR": "write another key in [tls.acme]",
    "invalidContact": "correct contact in [tls.acme]",
    "unsupportedContact": "correct contact in [tls.acme]",
    "externalAccountRequired": "write external_account in [tls.acme], as the authority gave it",
    "userActionRequired": "do what the authority asks for, then run `mailhost certificates renew`",
    NO_CHALLENGE: "add [web] for http-01 and tls-alpn-01, or dns_command for dns-01",
    NO_ACCOUNT: "nothing: the next attempt registers a new account",
    UNREACHABLE: "look whether this host reaches the directory of [tls.acme], and ca_file there",
    "unauthorizedAccount": "look at external_account in [tls.acme]",
}
_LATER = "nothing, if the next attempt succeeds; otherwise ask the authority"


@dataclass(frozen=True, slots=True)
class Failure:
    """`name` is empty if the whole order failed, `challenge` if none was tried. `said` is the
    explanation of the authority, or ours where it has not been asked. `wait` are the seconds that
    the authority asked to wait."""

    name: str
    challenge: str
    kind: str
    said: str
    remedy: str
    wait: float = 0.0

    def __str__(self) -> str:
        by = f" by {self.challenge}" if self.challenge else ""
        about = f"{self.name}{by}: " if self.name else ""
        whose = "" if self.kind in _NOT_SAID else "the authority said: "
        return f"{about}{whose}{self.said}. Remedy: {self.remedy}"


def failure_of(problem: Problem, name: str = "", challenge: str = "", wait: float = 0.0) -> Failure:
    """Return a problem of the authority as a failure."""
    said = problem.detail if problem.kind in _NOT_SAID else str(problem)
    kind = problem.kind
    if kind == "unauthorized" and not challenge:
        kind = "unauthorizedAccount"  # no server of ours has been asked yet
    place = _PLACES.get(challenge, "it").format(name=name or "the names")
    remedy = _REMEDIES.get(kind, _LATER).format(name=name or "the names", place=place)
    return Failure(name, challenge, problem.kind, " ".join(said.split()), remedy, wait)


def own_failure(name: str, challenge: str, said: str, remedy: str) -> Failure:
    """Return a failure before the authority was asked to look."""
    return Failure(name, challenge, OURS, said, remedy)
