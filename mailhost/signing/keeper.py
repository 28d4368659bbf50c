"""Makes the keys of domains in the head: when a domain is first seen, in a thread.

The directory and the settings are compared each second with those of the second before. A message
of a domain that is newer than that asks for its keys by `ensure`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from zope.interface import implementer

from mailhost.concurrency.threads import InThread
from mailhost.interfaces.accounts import DirectoryView
from mailhost.interfaces.directory import IDirectory
from mailhost.interfaces.events import Faulted, IEventSink, Notice
from mailhost.interfaces.signing import IKeyMaker
from mailhost.signing.key_files import KeyPair
from mailhost.signing.key_ring import KeyRing
from mailhost.signing.key_work import KeyWork, missing_kinds
from mailhost.signing.rules import SigningRules

LOOK_PERIOD = 1.0  # seconds
RETRY_AFTER = 60.0  # seconds after a failure to make keys


@implementer(IKeyMaker)
class KeyKeeper:
    """`rules` returns those of the present settings. `changed` is called with a domain whose keys
    have changed."""

    def __init__(
        self,
        clock: IReactorTime,
        in_thread: InThread,
        ring: KeyRing,
        work: KeyWork,
        directory: IDirectory,
        events: IEventSink,
        rules: Callable[[], SigningRules],
        changed: Callable[[str], None],
    ) -> None:
        self._clock = clock
        self._in_thread = in_thread
        self._ring = ring
        self._work = work
        self._directory = directory
        self._events = events
        self._rules = rules
        self._changed = changed
        self._seen: tuple[DirectoryView, SigningRules] | None = None
        self._failed: dict[str, float] = {}  # when making the keys of a domain failed
        self._one_at_a_time = DeferredLock()
        self._stopping = False
        self._loop = LoopingCall(self._look)
        self._loop.clock = clock

    def start(self) -> None:
        """Make what is missing, now and whenever a domain is added."""
        self._loop.start(LOOK_PERIOD)

    async def stop(self) -> None:
        """Begin nothing new; return when what was begun is done."""
        self._stopping = True
        if self._loop.running:
            self._loop.stop()
        await self._one_at_a_time.run(lambda: None)

    async def ensure(self, domain: str) -> None:
        await self._one_at_a_time.run(self._make_missing, domain)

    async def ensure_all(self) -> None:
        """Return when all domains that sign here have keys, or cannot get any."""
        for domain in self._rules().domains(self._directory.view):
            await self.ensure(domain)

    def _look(self) -> Deferred[None] | None:
        view, rules = self._directory.view, self._rules()
        if self._seen is not None and self._seen[0] is view and self._seen[1] is rules:
            return None
        self._seen = view, rules
        return Deferred.fromCoroutine(self.ensure_all())

    def _make_missing(self, domain: str) -> Deferred[None]:
        return Deferred.fromCoroutine(self._made(domain))

    async def _made(self, domain: str) -> None:
        rules = self._rules()
        if self._stopping or not self._is_missing(domain, rules):
            return
        shown = rules.shown_without_dns(domain)
        work = partial(self._work.make_missing, domain, rules.of(domain), shown)
        try:
            keys = await self._in_thread(work)
        except Exception as fault:  # noqa: BLE001 - logged; mail leaves without a signature
            self._failed[domain] = self._clock.seconds()
            self._events.emit(Faulted("dkim", f"cannot make keys of {domain}: {fault}"))
            return
        self._failed.pop(domain, None)
        self.use(domain, keys)
        self._events.emit(Notice(f"dkim: {domain} has new keys; see `mailhost dkim list {domain}`"))

    def use(self, domain: str, keys: Sequence[KeyPair]) -> None:
        """Sign by these keys of a domain from now on, in all processes."""
        self._ring.use(domain, keys)
        self._changed(domain)

    def _is_missing(self, domain: str, rules: SigningRules) -> bool:
        if not rules.signs(domain, self._directory.view):
            return False
        if self._clock.seconds() < self._failed.get(domain, -RETRY_AFTER) + RETRY_AFTER:
            return False
        keys = self._ring.keys(domain)
        return keys is None or bool(missing_kinds(keys, rules.of(domain)))
