"""Has certificates ordered and renewed in time, one after the other, in the head of a host.

Each second the settings and the directory of mail domains are compared with those of the second
before; names are looked up in DNS every hour. An order is made for a certificate that is missing,
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
from mailhost.certificates.failure import NOT_USABLE, Failure, failure_of
from mailhost.certificates.folder import CertificateFolder, StoredCertificate
from mailhost.certificates.keys import certificate_id
from mailhost.certificates.memory import WHERE, Memory
from mailhost.certificates.need import Need, need_of
from mailhost.certificates.next_key import NextKeys
from mailhost.certificates.order import Obtained, Wanted
from mailhost.certificates.plan import Plan, Planner, Setup
from mailhost.certificates.state import NEVER_FAILED, NO_SCHEDULE, Schedule, State
from mailhost.certificates.values import UNREACHABLE, AccountWanted, AuthorityError, Problem
from mailhost.concurrency.rounds import Rounds
from mailhost.concurrency.threads import InThread
from mailhost.concurrency.timeouts import fired_within
from mailhost.interfaces.events import Faulted, IEventSink, Notice
from mailhost.net.tls.certificate import PEM, parse_certificate

T = TypeVar("T")

PERIOD = 1.0  # seconds
LOOK_AGAIN = 3600.0  # seconds between two look-ups of the names
AFTER_FAULT = 600.0  # seconds after a fault of our own
STOP_SECONDS = 5.0  # until a stop no longer waits for answers to challenges to be removed


@dataclass(frozen=True, slots=True)
class KeeperParts:
    """The services that the keeper uses. `setup` returns None as long as the operator has not
    agreed, and the same object as long as nothing has changed. `used` has all processes use the
    certificates in the folder. `now` gives seconds since 1970, `chance` a random number from 0 to
    1. With `next_keys` the key of the next certificate for the host's name is made in advance."""

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
    next_keys: NextKeys | None = None


@dataclass(frozen=True, slots=True)
class Renewed:
    """The result of an order that the operator asked for. `left_out` are names that were not
    ordered, with the reasons."""

    name: str
    ordered: bool = False
    failures: Sequence[Failure] = ()
    left_out: Sequence[str] = ()


class CertificateKeeper:
    """The head has one."""

    def __init__(self, clock: IReactorTime, parts: KeeperParts) -> None:
        self._clock = clock
        self._parts = parts
        self._seen: Setup | None = None
        self._plan: Plan | None = None  # the last one
        self._due = 0.0
        self._windows_from = 0.0  # until then the authority is not asked for windows
        self._logged: set[str] = set()  # faults of files
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
        ended = self._one_at_a_time.run(lambda: None)
        await fired_within(ended, self._clock, STOP_SECONDS)

    async def renew(self, name: str, trial: AccountWanted | None) -> list[Renewed]:
        """Order certificates now: the one called `name` or with this name, or all for an empty
        text. With `trial` they are ordered there, and not used. Raises LookupError if there is no
        such certificate, OSError."""
        setup = self._parts.setup()
        if setup is None:
            raise LookupError("[tls.acme] does not have agree = true, so no certificate is ordered")
        return await self._alone(partial(self._renew, setup, name, trial))

    async def plan(self) -> Plan | None:
        """Return the certificates that the host should have, by the last look-up of their names;
        None without agreement."""
        setup = self._parts.setup()
        if setup is None or (self._plan is not None and self._plan.setup is setup):
            return self._plan if setup else None
        return await self._parts.planner.plan(setup)

    async def stored(self) -> dict[str, StoredCertificate]:
        """Return the certificates in the folder by name. Raises OSError."""
        stored = await self._parts.in_thread(self._parts.folder.read)
        for fault in {*stored.faults} - self._logged:
            self._parts.events.emit(Faulted(WHERE, fault))
        self._logged = {*stored.faults}
        return {each.name: each for each in stored.certificates}

    async def _round(self) -> None:
        setup = self._parts.setup()
        now = self._parts.now()
        if setup is None or (setup is self._seen and now < self._due):
            return
        former, self._seen = self._seen, setup
        self._due = now + AFTER_FAULT  # if a fault ends this round
        if former and _means(former) != _means(setup):
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
            kind = "" if failure.check(OSError) else f"{type(failure.value).__name__} "
            self._parts.events.emit(Faulted(WHERE, f"{kind}{failure.getErrorMessage()}"))

    async def _tend(self, setup: Setup) -> None:
        plan = self._plan = await self._parts.planner.plan(setup)
        stored = await self.stored()
        for group in plan.groups:
            await self._tend_one(plan, group.name, stored.get(group.name))
        if await self._parts.expiry.look(plan, await self.stored(), self._parts.now()):
            await self._parts.used()
        self._due = _next_time(await self._parts.memory.state(), self._parts.now())

    async def _tend_one(self, plan: Plan, name: str, stored: StoredCertificate | None) -> None:
        """Order or renew one certificate, if that is due."""
        setup = plan.setup
        if stored is not None:
            await self._ensure_next_key(setup, stored)
            await self._ask_for_window(setup, stored)
        now, state = self._parts.now(), await self._parts.memory.state()
        retries = (
            state.attempts.get(name, NEVER_FAILED),
            state.directories.get(setup.directory, NEVER_FAILED),
        )
        need = need_of(setup, plan.leading[name], stored, state, now)
        if need.accepts(need.names) and all(retry.next <= now for retry in retries):
            await self._obtain(setup, name, stored, need)

    async def _renew(self, setup: Setup, name: str, trial: AccountWanted | None) -> list[Renewed]:
        plan, stored = await self._parts.planner.plan(setup), await self.stored()
        names = [
            group.name
            for group in plan.groups
            if name in ("", group.name, *group.names, *group.asked)
        ]
        if not names:
            raise LookupError(f"no certificate is ordered for {name}; see `mailhost certificates`")
        return [await self._renew_one(plan, each, stored.get(each), trial) for each in names]

    async def _renew_one(
        self, plan: Plan, name: str, stored: StoredCertificate | None, trial: AccountWanted | None
    ) -> Renewed:
        leading, now = plan.leading[name], self._parts.now()
        state = await self._parts.memory.state()
        need = need_of(plan.setup, leading, stored, state, now, forced=True)
        if not need.names:
            return Renewed(name, left_out=[f"{e}: {why}" for e, why in leading.left_out.items()])
        if trial is None:
            return await self._obtain(plan.setup, name, stored, need)
        try:
            wanted = Wanted(need.names, plan.setup.key)
            found = await self._parts.attempts.obtain(trial, wanted)
        except AuthorityError as error:
            return Renewed(name, failures=[failure_of(error.problem, wait=error.wait)])
        return Renewed(name, found.pem is not None, found.failures)

    async def _obtain(
        self, setup: Setup, name: str, stored: StoredCertificate | None, need: Need
    ) -> Renewed:
        """Try to get a certificate, and use it. Raises OSError."""
        memory = self._parts.memory
        try:
            names, failures = await self._trial(setup, need)
            found = Obtained(None)
            if need.accepts(names):
                key = await self._own_key(setup, name, stored)
                wanted = Wanted(names, setup.key, need.replaces, key)
                found = await self._parts.attempts.obtain(setup.account, wanted, need.accepts)
                _refuse_expired(found.pem, self._parts.now())
        except AuthorityError as error:
            failure = failure_of(error.problem, error.problem.name, wait=error.wait)
            await memory.order_failed(setup.directory, name, stored, failure)
            return Renewed(name, failures=[failure])
        failures = [*failures, *found.failures]
        await memory.names_failed(failures, found.names)
        if found.pem is None:
            await memory.nothing_ordered(name, stored, failures)
        else:
            await self._take(setup, name, found.pem)
        return Renewed(name, found.pem is not None, failures)

    async def _trial(self, setup: Setup, need: Need) -> tuple[tuple[str, ...], list[Failure]]:
        """Return the names for which an order succeeded at the directory for trials, and the
        failures there. Raises AuthorityError, OSError."""
        if setup.trial is None or not need.new:
            return need.names, []
        said = f"at the trial, {setup.trial.directory}: "
        try:
            wanted = Wanted(need.names, setup.key)
            found = await self._parts.attempts.obtain(setup.trial, wanted)
        except AuthorityError as error:
            problem = replace(error.problem, detail=said + error.problem.detail)
            raise AuthorityError(problem, error.wait) from error
        return found.names, [replace(each, said=said + each.said) for each in found.failures]

    async def _take(self, setup: Setup, name: str, pem: PEM) -> None:
        """Write a new certificate, and have it used. Raises OSError."""
        folder = self._parts.folder
        await self._parts.in_thread(partial(folder.save, name, pem))
        stored = await self._parts.in_thread(partial(folder.read_one, name))
        await self._parts.memory.obtained(setup.directory, stored)
        await self._parts.used()
        await self._ensure_next_key(setup, stored)

    async def _own_key(
        self, setup: Setup, name: str, stored: StoredCertificate | None
    ) -> bytes | None:
        """Return the key of a new certificate, None for any. Raises OSError."""
        keys = self._parts.next_keys
        if keys is None or stored is None or name != setup.hostname:
            return None
        return await keys.choose(name, stored.files.pem.key, setup.key)

    async def _ensure_next_key(self, setup: Setup, stored: StoredCertificate) -> None:
        """Have a key for the certificate after this one. Raises OSError."""
        keys = self._parts.next_keys
        if keys is not None and stored.name == setup.hostname:
            await keys.ensure(stored.name, stored.files.pem.key, setup.key)

    async def _ask_for_window(self, setup: Setup, stored: StoredCertificate) -> None:
        """Ask the authority when to renew a certificate, if that is due (RFC 9773)."""
        now, memory = self._parts.now(), self._parts.memory
        state = await memory.state()
        former = state.schedules.get(stored.name, NO_SCHEDULE)
        if not former.renew:  # the state was lost
            renew = schedule.without_window(stored.begins, stored.ends, self._parts.chance())
            former = replace(former, renew=renew, directory=former.directory or setup.directory)
        identifier = certificate_id(stored.files.chain[0])
        may_ask = former.directory == setup.directory and now >= self._windows_from
        if may_ask and identifier and former.ask <= now < stored.ends:
            former = await self._with_window(setup, former, identifier)
        await memory.remember((await memory.state()).with_schedule(stored.name, former))

    async def _with_window(self, setup: Setup, former: Schedule, identifier: str) -> Schedule:
        try:
            window = await self._parts.attempts.window(setup.account, identifier)
        except AuthorityError as error:  # the certificate is renewed at the time that is known
            later = min(max(error.wait, schedule.ASK_AFTER_FAILURE), schedule.LONGEST_ASK)
            if error.problem.kind == UNREACHABLE:  # waiting for each certificate would take long
                self._windows_from = self._parts.now() + schedule.HOUR
                return former
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


def _refuse_expired(pem: PEM | None, now: float) -> None:
    """Raises AuthorityError for an expired certificate: the present one is better, and its
    successor would be ordered at once."""
    if pem is not None and parse_certificate(pem).chain[0].not_valid_after_utc.timestamp() <= now:
        text = "the authority sent a certificate that has expired"
        raise AuthorityError(Problem(NOT_USABLE, f"{text}, by the clock of this machine"))


def _means(setup: Setup) -> tuple[AccountWanted, tuple[str, ...]]:
    return setup.account, setup.challenges


def _next_time(state: State, now: float) -> float:
    """Return when a round is due, if nothing changes before."""
    retries = (*state.attempts.values(), *state.names.values(), *state.directories.values())
    times = [each.next for each in retries]
    times += [at for each in state.schedules.values() for at in (each.renew, each.ask)]
    return min([now + LOOK_AGAIN, *(each for each in times if each > now)])
