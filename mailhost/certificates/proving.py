"""Proves to an authority that names are ours (RFC 8555 §7.5), each by one of its challenges."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from mailhost.certificates.failure import OF_DIRECTORY, Failure, failure_of, own_failure
from mailhost.certificates.polling import Poll, bounded_call
from mailhost.certificates.provers import IProver
from mailhost.certificates.values import (
    PENDING,
    VALID,
    AuthorityError,
    Authorization,
    Challenge,
    IAuthority,
    Problem,
)
from mailhost.concurrency.side_by_side import side_by_side
from mailhost.concurrency.threads import InThread

T = TypeVar("T")

VALIDATION_SECONDS = 300.0  # until the authority has looked
_DNS_REMEDY = "look at dns_command, nsupdate and dns_wait in [tls.acme]"


@dataclass(frozen=True, slots=True)
class _Presented:
    """A challenge whose answer was presented."""

    authorization: Authorization
    challenge: Challenge
    prover: IProver
    key_authorization: str

    @property
    def arguments(self) -> tuple[str, str, str]:
        """The arguments of each method of the prover."""
        return self.authorization.name, self.challenge.token, self.key_authorization

    def failure(self, said: str, remedy: str) -> Failure:
        """Return a failure that is not the authority's."""
        return own_failure(self.authorization.identifier, self.challenge.kind, said, remedy)


class Proving:
    """The challenges of the orders of one attempt: the next one is tried for a name when one has
    failed, in the order of `provers`."""

    def __init__(
        self, clock: IReactorTime, in_thread: InThread, provers: Mapping[str, IProver]
    ) -> None:
        self._clock = clock
        self._in_thread = in_thread
        self._provers = provers
        self._left: dict[str, list[str]] = {}  # the kinds that did not fail, by name

    def has_more(self, name: str) -> bool:
        """True if a challenge is left for a name that failed."""
        return bool(self._left.get(name))

    async def prove(self, authority: IAuthority, authorizations: Sequence[str]) -> list[Failure]:
        """Have the authority look at all names that it does not know to be ours. Return the names
        that failed. Raises AuthorityError."""
        presented: list[_Presented] = []
        try:
            failures = await self._present(authority, authorizations, presented)
            failures += await self._wait_for_answers(presented, failures)
            good = [each for each in presented if not _has_failed(each, failures)]
            for each in good:
                failures += await self._have_looked(authority, each)
            for each in good:
                if not _has_failed(each, failures):
                    failures += await self._looked(authority, each)
        finally:
            for each in presented:
                await each.prover.remove(*each.arguments)
        for failure in failures:
            left = self._left.get(failure.name, [])
            self._left[failure.name] = [kind for kind in left if kind != failure.challenge]
        return failures

    async def _present(
        self, authority: IAuthority, authorizations: Sequence[str], presented: list[_Presented]
    ) -> list[Failure]:
        """Present the answers to the next challenges. Return the failures."""
        failures = []
        for url in authorizations:
            found = await self._call(partial(authority.authorization, url))
            if found.status == VALID:
                continue
            chosen = self._choose(authority, found)
            if isinstance(chosen, Failure):
                failures.append(chosen)
                continue
            presented.append(chosen)
            fault = await chosen.prover.present(*chosen.arguments)
            failures += [chosen.failure(fault, _DNS_REMEDY)] if fault else []
        return failures

    def _choose(self, authority: IAuthority, found: Authorization) -> _Presented | Failure:
        """Return the next challenge of a name."""
        name = found.identifier
        if found.status != PENDING:
            self._left[name] = []
            return own_failure(name, "", f"the authorization is {found.status}", "wait")
        offered = {each.kind: each for each in found.challenges}
        usable = [kind for kind in self._provers if kind in offered]
        left = self._left.setdefault(name, usable)
        if not left:
            text = f"the authority offers {', '.join(offered) or 'no challenge'}"
            return own_failure(name, "", text, "allow one of them by challenges in [tls.acme]")
        challenge = offered[left[0]]
        answer = authority.key_authorization(challenge.token)
        return _Presented(found, challenge, self._provers[challenge.kind], answer)

    async def _wait_for_answers(
        self, presented: Sequence[_Presented], failed: Sequence[Failure]
    ) -> list[Failure]:
        """Wait until the authority can see all answers. Return the failures."""
        good = [each for each in presented if not _has_failed(each, failed)]
        faults = await side_by_side(each.prover.visible(*each.arguments) for each in good)
        return [
            each.failure(fault, _DNS_REMEDY)
            for each, fault in zip(good, faults, strict=True)
            if fault
        ]

    async def _have_looked(self, authority: IAuthority, each: _Presented) -> list[Failure]:
        """Ask the authority to look. Return the failure, if any."""
        try:
            await self._call(partial(authority.answer, each.challenge))
        except AuthorityError as error:
            if error.problem.kind in OF_DIRECTORY:
                raise
            name, kind = each.authorization.identifier, each.challenge.kind
            return [failure_of(error.problem, name, kind, error.wait)]
        return []

    async def _looked(self, authority: IAuthority, each: _Presented) -> list[Failure]:
        """Wait until the authority has looked. Return the failure, if any."""
        poll = Poll(self._clock, VALIDATION_SECONDS)
        while True:
            found = await self._call(partial(authority.authorization, each.authorization.url))
            if found.status == VALID:
                return []
            if found.status != PENDING:
                problem = found.problem or Problem(found.status, "no explanation")
                return [failure_of(problem, found.identifier, each.challenge.kind)]
            if not await poll.wait(found.wait):
                text = f"the authority has not looked within {VALIDATION_SECONDS:g} s"
                return [each.failure(text, "nothing, if the next attempt succeeds")]

    def _call(self, work: Callable[[], T]) -> Deferred[T]:
        return bounded_call(self._clock, self._in_thread, work)


def _has_failed(each: _Presented, failures: Sequence[Failure]) -> bool:
    return any(failure.name == each.authorization.identifier for failure in failures)
