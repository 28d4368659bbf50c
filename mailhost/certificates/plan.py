"""The certificates that a host should have, by its settings, its domains, and where names lead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mailhost.certificates.names import Group, Leading, NameFinder, groups
from mailhost.certificates.values import AccountWanted
from mailhost.config.acme import KeyKind
from mailhost.interfaces.events import IEventSink, Notice
from mailhost.net.tls.certificate import covers


@dataclass(frozen=True, slots=True)
class Setup:
    """The certificates as the settings and the directory of mail domains want them. `asked` are
    further names. `covered` are the names of certificates in the settings. `trial` is the account
    at a directory where an order has to succeed first. `challenges` are the kinds that this host
    can answer."""

    hostname: str
    domains: tuple[str, ...]
    account: AccountWanted
    trial: AccountWanted | None = None
    asked: tuple[str, ...] = ()
    covered: frozenset[str] = frozenset()
    key: KeyKind = KeyKind.P256
    challenges: tuple[str, ...] = ()

    @property
    def directory(self) -> str:
        """The URL of the directory where certificates are ordered."""
        return self.account.directory

    def is_covered(self, name: str) -> bool:
        """True if a certificate of the settings is for this name."""
        return covers(self.covered, name)


@dataclass(frozen=True, slots=True)
class Plan:
    """The certificates that should be there, and where the names of each lead, by its name."""

    setup: Setup
    groups: tuple[Group, ...] = ()
    leading: Mapping[str, Leading] = field(default_factory=dict)


class Planner:
    """Looks up the names, and logs those that are left out once for each change."""

    def __init__(self, names: NameFinder, events: IEventSink) -> None:
        self._names = names
        self._events = events
        self._logged: dict[str, Mapping[str, str]] = {}  # by certificate

    async def plan(self, setup: Setup) -> Plan:
        """Return the plan. Raises nothing."""
        found = groups(setup.hostname, setup.domains, setup.asked, setup.is_covered)
        own = await self._names.own_addresses()
        leading = {group.name: await self._names.look(group, own) for group in found}
        for name, each in leading.items():
            self._log_left_out(name, each.left_out, own)
        return Plan(setup, tuple(found), leading)

    def _log_left_out(self, name: str, reasons: Mapping[str, str], own: frozenset[str]) -> None:
        if self._logged.get(name, {}) == reasons:
            return
        self._logged[name] = reasons
        if reasons:
            found = ", ".join(f"{each} ({why})" for each, why in reasons.items())
            here = ", ".join(sorted(own)) or "no known address"
            text = f"certificate of {name}: names that do not lead to this host ({here})"
            self._events.emit(Notice(f"{text} are left out: {found}"))
