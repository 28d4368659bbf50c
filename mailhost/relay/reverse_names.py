"""Looks up once a day whether the addresses from which mail leaves have reverse names (PTR).

Gmail, Microsoft and many others refuse mail from an address without one. So an IP version whose
address has none is used last, and the log has a warning. DNS is never asked while mail waits; a
look-up that fails changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import ip_address

from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from mailhost.concurrency.rounds import Rounds
from mailhost.config.model import Settings
from mailhost.dns_records.addresses import machine_addresses
from mailhost.interfaces.dns import Found, ILookUp, ptr_of
from mailhost.interfaces.events import Faulted, IEventSink, Warned
from mailhost.relay.sources import Sources, sources_of

DAY = 86_400.0  # seconds


class ReverseNames:
    """`use` gets the sources, at each change of the settings and after each round of look-ups.
    `machine` returns the global addresses that the system chooses."""

    def __init__(
        self,
        clock: IReactorTime,
        resolver: ILookUp,
        events: IEventSink,
        use: Callable[[Sources], None],
        machine: Callable[[], Sequence[str]] = machine_addresses,
    ) -> None:
        self._resolver = resolver
        self._events = events
        self._use = use
        self._machine = machine
        self._settings: Settings | None = None
        self._addresses: tuple[str, ...] = ()  # those that the system chooses
        self._nameless: frozenset[str] = frozenset()
        self._daily = Rounds(clock, DAY, self._look_up_all, self._log_failure)

    def reconfigure(self, settings: Settings) -> None:
        """Take new settings; their addresses are looked up at once, if `start` was called."""
        self._settings = settings
        self._use(sources_of(settings, self._addresses, self._nameless))
        if self._daily.running:
            self._daily.stop()
            self._daily.start()

    def start(self) -> None:
        """Look up now and once a day."""
        self._daily.start()

    def stop(self) -> None:
        """Begin no further round."""
        self._daily.stop()

    async def _look_up_all(self) -> None:
        settings = self._settings
        if settings is None:
            return
        self._addresses = _public(settings, self._machine())
        before, self._nameless = self._nameless, await self._without_name(settings)
        if settings is not self._settings:  # changed meanwhile: its own round is under way
            return
        self._use(sources_of(settings, self._addresses, self._nameless))
        for address in sorted(self._nameless - before):
            self._events.emit(Warned("relay", _warning(address)))

    async def _without_name(self, settings: Settings) -> frozenset[str]:
        """Return the global addresses without a reverse name. An address that cannot be
        looked up now keeps its former result."""
        named = {each for own in settings.sending_by_domain.values() for each in own.address}
        nameless = set()
        for address in {*self._addresses, *settings.relay.bind, *named}:
            if not ip_address(address).is_global:
                continue
            reply = await self._resolver.look_up(ptr_of(ip_address(address).reverse_pointer))
            known = reply.found is not Found.FAILED
            if reply.found is not Found.RECORDS and (known or address in self._nameless):
                nameless.add(address)
        return frozenset(nameless)

    def _log_failure(self, failure: Failure) -> None:
        self._events.emit(Faulted("relay", f"reverse names: {failure.getErrorMessage()}"))


def _public(settings: Settings, machine: Sequence[str]) -> tuple[str, ...]:
    """Return the addresses by which other hosts see this one: those of the settings come before
    those of the machine, which may be behind a router that translates addresses."""
    return (*settings.dns.addresses, *machine)


def _warning(address: str) -> str:
    version = 6 if ":" in address else 4
    return (
        f"mail leaves from {address}, which has no reverse name (PTR record), so many hosts refuse "
        f"it; IPv{version} is used last. Ask the provider of the address for a reverse name, or "
        "set relay.families"
    )
