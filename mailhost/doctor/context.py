"""The settings and services that each check of the doctor uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailhost.concurrency.threads import InThread
from mailhost.config.load import Loaded
from mailhost.dns_records.own_domain import OwnDomain
from mailhost.interfaces.dns import IResolver
from mailhost.interfaces.reactor import IReactor


@dataclass(frozen=True, slots=True)
class OwnDomains:
    """Domains of this host that are examined, and the number of those that are `left_out`."""

    domains: Sequence[OwnDomain] = ()
    left_out: int = 0

    def get(self, name: str) -> OwnDomain | None:
        """Return the domain with this name, None if there is none that receives mail."""
        found = (each for each in self.domains if each.name == name and each.facts.receives)
        return next(found, None)


@dataclass(frozen=True, slots=True)
class DoctorContext:
    """`loaded` are the settings of this host, None if there are none: another TARGET can be
    examined without settings. `resolver` asks the servers of the settings, or those of the system.
    `own` are the domains of this host that the checks are about."""

    reactor: IReactor
    in_thread: InThread
    resolver: IResolver
    loaded: Loaded | None
    own: OwnDomains = OwnDomains()

    @property
    def port_offset(self) -> int:
        """The number that is added to the standard ports of other hosts: 0 unless the settings are
        those of a test network."""
        return self.loaded.settings.doctor.port_offset if self.loaded else 0
