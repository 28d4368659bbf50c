"""What the checks of the doctor are handed."""

from __future__ import annotations

from dataclasses import dataclass

from mailhost.concurrency.threads import InThread
from mailhost.config.load import Loaded
from mailhost.interfaces.dns import IResolver
from mailhost.interfaces.reactor import IReactor


@dataclass(frozen=True, slots=True)
class DoctorContext:
    """`loaded` are the settings of this host, None where there are none: another TARGET can be
    examined without. `resolver` asks the servers of the settings, or those of the system."""

    reactor: IReactor
    in_thread: InThread
    resolver: IResolver
    loaded: Loaded | None
