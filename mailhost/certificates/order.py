"""Orders a certificate, from the order to the chain (RFC 8555 §7.4), without keeping names from it
for which others fail.

All names of an order must be valid, or there is no certificate. So a name that fails is tried by
the next challenge that can be used for it, in a new order; when there is none left, the others are
ordered without it. The authority remembers the names that were valid in a former order. A name
below a wildcard of the order is ordered only if the wildcard fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from mailhost.certificates.failure import NOT_USABLE, RATE_LIMITED, Failure, failure_of
from mailhost.certificates.keys import key_for, key_pem, make_request
from mailhost.certificates.polling import Poll, bounded_call
from mailhost.certificates.provers import IProver
from mailhost.certificates.proving import Proving
from mailhost.certificates.values import (
    INVALID,
    PROCESSING,
    VALID,
    AuthorityError,
    IAuthority,
    Order,
    Problem,
)
from mailhost.concurrency.threads import InThread
from mailhost.config.acme import KeyKind
from mailhost.net.tls.certificate import PEM, BadCertificate, covers, parse_certificate

T = TypeVar("T")

MOST_ORDERS = 8  # for one certificate in one attempt
ISSUANCE_SECONDS = 600.0  # until it has signed

# kinds of errors that are about the name, even if the authority names none in particular
_ABOUT_NAMES = frozenset(
    ("rejectedIdentifier", "unsupportedIdentifier", "caa", "dns", "malformed", RATE_LIMITED)
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A certificate to be ordered. `replaces` is the id of the one that it renews, empty for
    none. `own_key` is its key in PEM, None for a new one of the kind `key`."""

    names: tuple[str, ...]
    key: KeyKind = KeyKind.P256
    replaces: str = ""
    own_key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Obtained:
    """The result of an attempt. `pem` is None if there is no certificate. `names` are the wanted
    names that it is for. `failures` are those of names that were left out, or of the order."""

    pem: PEM | None
    names: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()


class _Refused(Exception):
    """Names of an order failed; `final` are those that no other challenge can help."""

    def __init__(self, failures: Sequence[Failure], final: bool = False) -> None:
        super().__init__()
        self.failures = failures
        self.final = final


@dataclass(slots=True)
class _Attempt:
    """The names that are left to order, and the failures of the others."""

    left: list[str]
    proving: Proving
    failures: list[Failure] = field(default_factory=list)


class Orders:
    """`provers` answer the challenges, by kind, in the order in which they are tried."""

    def __init__(
        self, clock: IReactorTime, in_thread: InThread, provers: Mapping[str, IProver]
    ) -> None:
        self._clock = clock
        self._in_thread = in_thread
        self._provers = provers

    async def obtain(
        self,
        authority: IAuthority,
        wanted: Wanted,
        accept: Callable[[Sequence[str]], bool] = bool,
    ) -> Obtained:
        """Order a certificate for as many of the names as possible. Nothing is ordered if `accept`
        is false for the names that are left. Raises AuthorityError."""
        proving = Proving(self._clock, self._in_thread, self._provers)
        attempt = _Attempt([*wanted.names], proving)
        for _ in range(MOST_ORDERS):
            if not (attempt.left and accept(attempt.left)):
                break
            ordered = replace(wanted, names=_without_covered(attempt.left))
            try:
                pem = await self._order(authority, ordered, attempt)
                return Obtained(pem, tuple(attempt.left), tuple(attempt.failures))
            except _Refused as refused:
                self._leave_out(attempt, refused)
        return Obtained(None, (), tuple(attempt.failures))

    def _leave_out(self, attempt: _Attempt, refused: _Refused) -> None:
        """Leave out the names that no challenge is left for."""
        for failure in refused.failures:
            if refused.final or not attempt.proving.has_more(failure.name):
                attempt.failures.append(failure)
                attempt.left.remove(failure.name)

    async def _order(self, authority: IAuthority, wanted: Wanted, attempt: _Attempt) -> PEM:
        """Order once. Raises AuthorityError, _Refused."""
        try:
            order = await self._call(partial(authority.order, wanted.names, wanted.replaces))
        except AuthorityError as error:
            raise _of_names(error, wanted.names) from error
        failures = await attempt.proving.prove(authority, order.authorizations)
        if failures:
            raise _Refused(failures)
        return await self._issue(authority, order, wanted)

    async def _issue(self, authority: IAuthority, order: Order, wanted: Wanted) -> PEM:
        """Have the certificate signed. Raises AuthorityError, _Refused."""
        key = await self._in_thread(partial(key_for, wanted.own_key, wanted.key))
        request = await self._in_thread(partial(make_request, key, wanted.names))
        try:
            state = await self._call(partial(authority.finalize, order, request))
        except AuthorityError as error:
            if error.problem.kind != "orderNotReady":
                raise _of_names(error, wanted.names) from error
            state = order
        poll = Poll(self._clock, ISSUANCE_SECONDS)
        while state.status != VALID or not state.certificate:
            if state.status == INVALID:
                problem = state.problem or Problem(INVALID, "the order is invalid")
                raise _of_names(AuthorityError(problem), wanted.names)
            if not await poll.wait(state.wait if state.status == PROCESSING else 0.0):
                text = f"the certificate was not signed within {ISSUANCE_SECONDS:g} s"
                raise AuthorityError(Problem(NOT_USABLE, text))
            state = await self._call(partial(authority.state, order))
            if state.status == "ready":
                state = await self._call(partial(authority.finalize, order, request))
        chain = await self._call(partial(authority.chain, state.certificate))
        return _checked(PEM(chain, key_pem(key)), wanted.names)

    def _call(self, work: Callable[[], T]) -> Deferred[T]:
        return bounded_call(self._clock, self._in_thread, work)


def _without_covered(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names without those that a wildcard among them is for: Let's Encrypt refuses an
    order with both."""
    return tuple(name for name in names if not covers({*names} - {name}, name))


def _of_names(error: AuthorityError, names: Sequence[str]) -> AuthorityError | _Refused:
    """Return the refusal of single names, where the authority said so; else the error itself."""
    problem = error.problem
    parts = [part for part in problem.parts if part.name in names] or (
        [problem] if problem.name in names else []
    )
    if parts:
        found = [failure_of(part, part.name, wait=error.wait) for part in parts]
    else:
        found = [
            failure_of(problem, name, wait=error.wait)
            for name in names
            if problem.kind in _ABOUT_NAMES and _mentions(problem.detail, name)
        ]
    if not found:
        return error
    if len(found) == len(names) > 1:  # such as a limit for this very set of names
        about = replace(problem, name=", ".join(names))
        return AuthorityError(about, error.wait)
    return _Refused(found, final=True)


def _mentions(text: str, name: str) -> bool:
    return bool(re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-]|\.\w)", text, re.IGNORECASE))


def _checked(pem: PEM, names: Sequence[str]) -> PEM:
    """Raises AuthorityError if the authority sent another certificate than the one that was
    ordered."""
    fault = _fault_of(pem, names)
    if fault:
        raise AuthorityError(Problem(NOT_USABLE, f"the authority sent {fault}"))
    return pem


def _fault_of(pem: PEM, names: Sequence[str]) -> str:
    """Return how a certificate differs from the one that was ordered, empty if it does not."""
    try:
        found = parse_certificate(pem)
    except BadCertificate:
        return "no certificate in PEM"
    if not found.chain or found.chain[0].public_key() != found.key.public_key():
        return "a certificate for another key"
    missing = set(names) - set(found.names)
    return f"a certificate without {', '.join(sorted(missing))}" if missing else ""
