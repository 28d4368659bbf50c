"""Has certificates ordered and renewed in time, one after the other, in the head of a host.

Every ten seconds the settings and the directory of mail domains are compared with those of the last
round; names are looked up in DNS every hour. An order is made for a certificate that is missing,
lacks a name, is of another directory or kind of key than the settings say, or is to be renewed. A
failure is remembered on the disk with the time of the next attempt: for a name, for a certificate,
or for all certificates of a directory. The certificate in use stays until there is a better one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred, DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure as TwistedFailure

from mailhost.certificates import schedule
from mailhost.certificates.attempts import Attempts
from mailhost.certificates.expiry import Expiry
from mailhost.certificates.failure import Failure, failure_of
from mailhost.certificates.folder import CertificateFolder, StoredCertificate
from mailhost.certificates.keys import certificate_id
from mailhost.certificates.memory import WHERE, Memory
from mailhost.certificates.need import Need, need_of
from mailhost.certificates.order import Obtained, Wanted
from mailhost.certificates.plan import Plan, Planner, Setup
from mailhost.certificates.state import NEVER_FAILED, NO_SCHEDULE, Schedule, State
from mailhost.certificates.values import AccountWanted, AuthorityError
from mailhost.concurrency.rounds import Rounds
from mailhost.concurrency.threads import InThread
from mailhost.interfaces.events import Faulted, IEventSink, Notice
from mailhost.net.tls.certificate import PEM

T = TypeVar("T")

PERIOD = 10.0  # seconds
LOOK_AGAIN = 3600.0  # seconds between two look-ups of the names
AFTER_FAULT = 600.0  # seconds after a fault of our own


@dataclass(frozen=True, slots=True)
class KeeperParts:
    """What the keeper works with. `setup` returns None as long as the operator has not agreed;
    `used` has the certificates in the folder used by all processes. `now` gives seconds since 1970,
    `chance` a random number from 0 to 1."""

    in_thread: InThread
    folder: CertificateFolder
    planner: Planner
    attempts: Attempts
    memory: Memory
    expiry: Expiry
    events: IEventSink
    setup: Callable[[], Setup | None]
    used: Callable[[], Awaitable[None]]
    now: Callable[[], float]
    chance: Callable[[], float]


class CertificateKeeper:
    """The head has one."""

    def __init__(self, clock: IReactorTime, parts: KeeperParts) -> None:
        self._parts = parts
        self._seen: Setup | None = None
        self._due = 0.0
        self._one_at_a_time = DeferredLock()
        self._running: set[Deferred[Any]] = set()
        self._stopping = False
        self._rounds = Rounds(clock, PERIOD, self._round, self._failed)

    def start(self) -> None:
        """Begin now, as the user who owns the data folder."""
        self._rounds.start()

    async def stop(self) -> None:
        """Begin nothing more, and end what is under way; the authority forgets such an order."""
        self._stopping = True
        self._rounds.stop()
        for each in [*self._running]:
            each.cancel()
        await self._one_at_a_time.run(lambda: None)

    async def renew(self, name: str, trial: AccountWanted | None) -> list[tuple[str, list[str]]]:
        """Order certificates now: the one called `name` or with this name, or all for an empty
        text. With `trial` they are ordered there, and not used. Return the name of each with its
        failures. Raises LookupError if there is no such certificate, OSError."""
        setup = self._parts.setup()
        if setup is None:
            raise LookupError("[tls.acme] does not have agree = true, so no certificate is ordered")
        return await self._alone(partial(self._renew, setup, name, trial))

    async def plan(self) -> Plan | None:
        """Return the certificates that the host should have, None without agreement."""
        setup = self._parts.setup()
        return await self._parts.planner.plan(setup) if setup else None

    async def stored(self) -> dict[str, StoredCertificate]:
        """Return the certificates in the folder by name. Raises OSError."""
        stored = await self._parts.in_thread(self._parts.folder.read)
        return {each.name: each for each in stored.certificates}

    async def _round(self) -> None:
        setup = self._parts.setup()
        now = self._parts.now()
        if setup is None or (setup == self._seen and now < self._due):
            return
        former, self._seen = self._seen, setup
        self._due = now + AFTER_FAULT  # if a fault ends this round
        if former is not None and former.account != setup.account:
            await self._parts.memory.account_changed(setup.directory)
        await self._alone(partial(self._tend, setup))

    async def _alone(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do work that orders certificates, after that which is under way. Raises CancelledError if
        the host stops."""

        def begin() -> Deferred[T]:
            if self._stopping:
                raise CancelledError
            running = Deferred.fromCoroutine(work())
            self._running.add(running)
            return running.addBoth(ended, running)

        def ended(result: T, running: Deferred[T]) -> T:
            self._running.discard(running)
            return result

        return await self._one_at_a_time.run(begin)

    def _failed(self, failure: TwistedFailure) -> None:
        if not failure.check(CancelledError):
            kind = getattr(failure.type, "__name__", "")
            text = f"{kind} {failure.getErrorMessage()}".strip()
            self._parts.events.emit(Faulted(WHERE, text))

    async def _tend(self, setup: Setup) -> None:
        plan = await self._parts.planner.plan(setup)
        stored = await self.stored()
        for group in plan.groups:
            await self._tend_one(plan, group.name, stored.get(group.name))
        await self._parts.expiry.look(plan, await self.stored(), self._parts.now())
        self._due = _next_time(await self._parts.memory.state(), self._parts.now())

    async def _tend_one(self, plan: Plan, name: str, stored: StoredCertificate | None) -> None:
        """Order or renew one certificate, if that is due."""
        setup = plan.setup
        if stored is not None:
            await self._ask_for_window(setup, stored)
        now, state = self._parts.now(), await self._parts.memory.state()
        retries = (
            state.attempts.get(name, NEVER_FAILED),
            state.directories.get(setup.directory, NEVER_FAILED),
        )
        need = need_of(setup, plan.leading[name], stored, state, now)
        if need.accepts(need.names) and all(retry.next <= now for retry in retries):
            await self._obtain(setup, name, stored, need)

    async def _renew(
        self, setup: Setup, name: str, trial: AccountWanted | None
    ) -> list[tuple[str, list[str]]]:
        plan, stored = await self._parts.planner.plan(setup), await self.stored()
        chosen = [
            group for group in plan.groups if name in ("", group.name, *group.names, *group.asked)
        ]
        if not chosen:
            raise LookupError(f"no certificate is ordered for {name}; `mailhost certificates`")
        state, results = await self._parts.memory.state(), []
        for group in chosen:
            present = stored.get(group.name)
            leading, now = plan.leading[group.name], self._parts.now()
            need = need_of(setup, leading, present, state, now, forced=True)
            if not need.names:
                failures = [f"{each}: {why}" for each, why in leading.left_out.items()]
            elif trial is not None:
                failures = [*map(str, await self._try_only(trial, setup, need))]
            else:
                failures = [*map(str, await self._obtain(setup, group.name, present, need))]
            results.append((group.name, failures))
        return results

    async def _try_only(self, trial: AccountWanted, setup: Setup, need: Need) -> Sequence[Failure]:
        try:
            found = await self._parts.attempts.obtain(trial, Wanted(need.names, setup.key))
        except AuthorityError as error:
            return [failure_of(error.problem, wait=error.wait)]
        return found.failures

    async def _obtain(
        self, setup: Setup, name: str, stored: StoredCertificate | None, need: Need
    ) -> Sequence[Failure]:
        """Try to get a certificate, and use it. Return the failures. Raises OSError."""
        memory = self._parts.memory
        try:
            names, failures = await self._trial(setup, need)
            found = Obtained(None)
            if need.accepts(names):
                wanted = Wanted(names, setup.key, need.replaces)
                found = await self._parts.attempts.obtain(setup.account, wanted, need.accepts)
        except AuthorityError as error:
            failure = failure_of(error.problem, wait=error.wait)
            await memory.order_failed(setup.directory, name, stored, failure)
            return [failure]
        failures = [*failures, *found.failures]
        await memory.names_failed(failures, found.names)
        if found.pem is None:
            await memory.nothing_ordered(name, stored, failures)
        else:
            await self._take(setup, name, found.pem)
        return failures

    async def _trial(self, setup: Setup, need: Need) -> tuple[tuple[str, ...], list[Failure]]:
        """Return the names for which an order succeeded at the directory for trials, and the
        failures there. Raises AuthorityError, OSError."""
        if setup.trial is None or not need.new:
            return need.names, []
        found = await self._parts.attempts.obtain(setup.trial, Wanted(need.names, setup.key))
        said = f"at the trial, {setup.trial.directory}: "
        return found.names, [replace(each, said=said + each.said) for each in found.failures]

    async def _take(self, setup: Setup, name: str, pem: PEM) -> None:
        """Write a new certificate, and have it used. Raises OSError."""
        await self._parts.in_thread(partial(self._parts.folder.save, name, pem))
        await self._parts.memory.obtained(setup.directory, (await self.stored())[name])
        await self._parts.used()

    async def _ask_for_window(self, setup: Setup, stored: StoredCertificate) -> None:
        """Ask the authority when to renew a certificate, if that is due (RFC 9773)."""
        now, memory = self._parts.now(), self._parts.memory
        state = await memory.state()
        former = state.schedules.get(stored.name, NO_SCHEDULE)
        if not former.renew:  # the state was lost
            renew = schedule.without_window(stored.begins, stored.ends, self._parts.chance())
            former = replace(former, renew=renew, directory=former.directory or setup.directory)
        identifier = certificate_id(stored.files.chain[0])
        if former.directory == setup.directory and identifier and former.ask <= now < stored.ends:
            former = await self._with_window(setup, former, identifier)
        await memory.remember((await memory.state()).with_schedule(stored.name, former))

    async def _with_window(self, setup: Setup, former: Schedule, identifier: str) -> Schedule:
        try:
            window = await self._parts.attempts.window(setup.account, identifier)
        except AuthorityError as error:  # the certificate is renewed at the time that is known
            later = min(max(error.wait, schedule.HOUR), schedule.LONGEST_ASK)
            return replace(former, ask=self._parts.now() + later)
        now = self._parts.now()
        if window is None:
            return replace(former, ask=now + schedule.LONGEST_ASK)
        new = schedule.in_window(former, window, now, self._parts.chance())
        if new.renew <= now < former.renew:
            why = f", see {window.explanation}" if window.explanation else ""
            text = f"the authority asks to renew a certificate before its time{why}"
            self._parts.events.emit(Notice(f"{WHERE}: {text}"))
        return new


def _next_time(state: State, now: float) -> float:
    """Return when a round is due, if nothing changes before."""
    retries = (*state.attempts.values(), *state.names.values(), *state.directories.values())
    times = [each.next for each in retries]
    times += [at for each in state.schedules.values() for at in (each.renew, each.ask)]
    return min([now + LOOK_AGAIN, *(each for each in times if each > now)])
