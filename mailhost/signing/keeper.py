"""Makes, replaces and retires the keys of domains in the head, without a person.

The directory and the settings are compared each second with those of the second before, so that a
new domain has keys at once. A message of a domain that is newer than that asks for its keys by
`ensure`. DNS is asked every five minutes for keys that are coming, and once a day for all; then the
log has a warning for each domain whose keys DNS does not show, or shows differently.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from zope.interface import implementer

from mailhost.concurrency.rounds import Rounds
from mailhost.concurrency.side_by_side import side_by_side
from mailhost.concurrency.threads import InThread
from mailhost.config.section import DAY
from mailhost.interfaces.accounts import DirectoryView
from mailhost.interfaces.directory import IDirectory
from mailhost.interfaces.events import Faulted, IEventSink, Notice
from mailhost.interfaces.signing import DomainKey, IKeyMaker, KeyState, Shown
from mailhost.signing.key_ring import KeyRing
from mailhost.signing.key_work import KeyWork
from mailhost.signing.published import IServers, shown_by
from mailhost.signing.rotation import ChangedKeys, missing_kinds, warnings
from mailhost.signing.rules import SigningRules

LOOK_PERIOD = 1.0  # seconds
CHECK_PERIOD = 300.0  # seconds between two checks of coming keys
RETRY_AFTER = 600.0  # seconds after a failure to change keys
WHERE = "dkim"


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
        servers: IServers,
        directory: IDirectory,
        events: IEventSink,
        rules: Callable[[], SigningRules],
        changed: Callable[[str], None],
    ) -> None:
        self._clock = clock
        self._in_thread = in_thread
        self._ring = ring
        self._work = work
        self._servers = servers
        self._directory = directory
        self._events = events
        self._rules = rules
        self._changed = changed
        self._seen: tuple[DirectoryView, SigningRules] | None = None
        self._failed: dict[str, float] = {}  # when the keys of a domain could not be changed
        self._shown: dict[str, Mapping[str, Shown]] = {}
        self._checked: dict[str, float] = {}  # when all keys of a domain were looked up
        self._one_at_a_time = DeferredLock()
        self._stopping = False
        self._looking = Rounds(clock, LOOK_PERIOD, self._look, self._failure)
        self._checking = Rounds(clock, CHECK_PERIOD, self._check_due, self._failure)

    def start(self) -> None:
        """Make what is missing, now and whenever a domain is added, and begin to ask DNS."""
        self._looking.start()
        self._checking.start(now=False)

    async def stop(self) -> None:
        """Begin nothing new; return when what was begun is done."""
        self._stopping = True
        self._looking.stop()
        self._checking.stop()
        await self._one_at_a_time.run(lambda: None)

    async def ensure(self, domain: str) -> None:
        if self._is_missing(domain):
            await self._tend(domain)

    async def ensure_all(self) -> None:
        """Return when all domains that sign here have keys, or cannot get any."""
        for domain in self._rules().domains(self._directory.view):
            await self.ensure(domain)

    async def check(self, domain: str) -> Mapping[str, Shown]:
        """Ask DNS for the keys of a domain, and use those that it shows. Return what DNS shows, by
        selector."""
        keys = self._keys(domain)
        if self._rules().of(domain).not_in_dns:
            await self._tend(domain)
            return {}
        replies = await side_by_side(map(self._servers_asked, keys))
        shown = {key.selector: each for key, each in zip(keys, replies, strict=True)}
        self._shown[domain] = shown
        await self._tend(domain, shown)
        return shown

    def shown(self, key: DomainKey) -> Shown:
        """Return what DNS showed of a key when it was asked last."""
        return self._shown.get(key.domain, {}).get(key.selector, Shown.UNKNOWN)

    async def change(self, domain: str, work: Callable[[str], ChangedKeys]) -> None:
        """Change the keys of a domain in a thread, and use them in all processes. `work` is not
        begun while the host stops. Raises what `work` raises."""

        async def change_now() -> None:
            if self._stopping:
                return
            keys = await self._in_thread(partial(work, domain))
            if keys.pairs != self._ring.keys(domain):
                self._ring.use(domain, keys.pairs)
                self._changed(domain)
            for text in keys.texts:
                self._events.emit(Notice(f"{WHERE}: {text}"))

        await self._one_at_a_time.run(lambda: Deferred.fromCoroutine(change_now()))

    async def _tend(self, domain: str, shown: Mapping[str, Shown] | None = None) -> None:
        """Bring the keys of a domain up to date. A failure is logged."""
        rules = self._rules().of(domain)
        try:
            await self.change(domain, lambda name: self._work.tend(name, rules, shown or {}))
        except Exception as fault:  # noqa: BLE001 - mail does not wait for keys that cannot be made
            self._failed[domain] = self._clock.seconds()
            self._events.emit(Faulted(WHERE, f"cannot change the keys of {domain}: {fault}"))
        else:
            self._failed.pop(domain, None)

    async def _look(self) -> None:
        view, rules = self._directory.view, self._rules()
        same = self._seen is not None and self._seen[0] is view and self._seen[1] is rules
        if same and not any(map(self._may_retry, self._failed)):
            return
        self._seen = view, rules
        self._failed = {name: at for name, at in self._failed.items() if not self._may_retry(name)}
        await self.ensure_all()

    def _failure(self, failure: Failure) -> None:
        self._events.emit(Faulted(WHERE, failure.getErrorMessage()))

    async def _check_due(self) -> None:
        for domain in self._rules().domains(self._directory.view):
            now = self._clock.seconds()
            daily = now >= self._checked.get(domain, now - DAY) + DAY
            coming = any(key.state is KeyState.COMING for key in self._keys(domain))
            if self._stopping or not (daily or coming):
                continue
            if daily:
                self._checked[domain] = now
                await self._tend(domain)  # makes the keys that are due
            shown = await self.check(domain)
            for text in warnings(self._keys(domain), shown) if daily else ():
                self._events.emit(Faulted(WHERE, text))

    async def _servers_asked(self, key: DomainKey) -> Shown:
        return shown_by(key, await self._servers.ask_all(key.name))

    def _keys(self, domain: str) -> list[DomainKey]:
        return [pair.public for pair in self._ring.keys(domain) or ()]

    def _is_missing(self, domain: str) -> bool:
        rules = self._rules()
        if not (self._may_retry(domain) and rules.signs(domain, self._directory.view)):
            return False
        keys = self._ring.keys(domain)
        if keys is None:
            return True
        kinds = {each.public.algorithm for each in keys if each.pem}
        return bool(missing_kinds(keys, rules.of(domain)) or kinds - {*rules.of(domain).algorithms})

    def _may_retry(self, domain: str) -> bool:
        return self._clock.seconds() >= self._failed.get(domain, -RETRY_AFTER) + RETRY_AFTER
