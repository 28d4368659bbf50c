"""Remembers the best TLS that was seen at each mail host, so that a host cannot lose it silently.

An attacker on the way can remove STARTTLS from the replies of a host. A host that had TLS within
the last days and has none now is noticed here; the settings say whether mail waits then.

The key is the name of the host: the TLS of a host is the same for all domains that it serves, and a
domain may have hosts with TLS and hosts without. Days are enough: a host that is in use costs one
write a day. The look-up is one of a dict. At most MOST_HOSTS are kept; those that were seen longest
ago are forgotten first.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeAlias

from mailhost.config.relay_tls import MemoryRule, RelayTLS
from mailhost.config.section import DAY

MOST_HOSTS = 50_000
_EPOCH = date(1970, 1, 1)
_LINE = re.compile(r"([!-~]{1,255}) (\d{4}-\d\d-\d\d) (\d{4}-\d\d-\d\d|-)")


@dataclass(frozen=True, slots=True)
class BestTLS:
    """The last days, counted from 1970, on which a host had TLS, and on which its certificate was
    verified; 0 for never."""

    tls: int
    verified: int = 0

    @property
    def seen(self) -> str:
        """The last day with TLS, such as 2026-11-28."""
        return day_text(self.tls)


Known: TypeAlias = Sequence[tuple[str, BestTLS]]


@dataclass(frozen=True, slots=True)
class ExpectedTLS:
    """The TLS that a host is expected to have. With `enforced`, mail waits until it has it."""

    best: BestTLS
    enforced: bool


class TLSMemory:
    """`wall` gives seconds since 1970. `settings` have the rule, and how long a host is remembered;
    they may be replaced at any time."""

    def __init__(self, settings: RelayTLS, wall: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self.changed = False
        self._wall = wall
        self._hosts: dict[str, BestTLS] = {}  # seen longest ago first
        self._warned: dict[str, int] = {}  # the day of the last warning about a host

    def expected(self, host: str) -> ExpectedTLS | None:
        """Return what a host must have, or what the log warns of if it has it not; None for
        nothing. There is one warning a day."""
        rule = self.settings.memory
        if rule is MemoryRule.OFF or host not in self._hosts:
            return None
        best = self.best(host)
        if best is None:
            return None
        if rule is MemoryRule.WARN and self._warned.get(host) == self._today():
            return None
        return ExpectedTLS(best, rule is MemoryRule.ENFORCE)

    def best(self, host: str) -> BestTLS | None:
        """Return the best TLS of a host that is not too long ago, None for none."""
        known = self._hosts.get(host)
        if known is None:
            return None
        oldest = self._today() - self.settings.memory_for / DAY
        if known.tls < oldest:
            return None
        return known if known.verified >= oldest else BestTLS(known.tls)

    def saw(self, host: str, verified: bool) -> None:
        """A host has TLS now; `verified`: with a certificate that was verified."""
        if self.settings.memory is MemoryRule.OFF:
            return
        today = self._today()
        known = self._hosts.get(host)
        if known is not None and known.tls == today and (known.verified == today or not verified):
            return
        before = known.verified if known else 0
        self._hosts.pop(host, None)
        self._hosts[host] = BestTLS(today, today if verified else before)
        self.changed = True
        if len(self._hosts) > MOST_HOSTS:
            del self._hosts[next(iter(self._hosts))]

    def warned(self, host: str) -> None:
        """The log has a warning about a host."""
        today = self._today()
        self._warned = {name: day for name, day in self._warned.items() if day == today}
        self._warned[host] = today

    def known(self, name: str = "") -> Known:
        """Return what is known of a host, or of all hosts below a domain; of all for no name."""
        below = f".{name}"
        return [
            (host, best)
            for host, best in self._hosts.items()
            if not name or host == name or host.endswith(below)
        ]

    def forget(self, name: str) -> list[str]:
        """Forget a host, or all hosts below a domain. Return their names."""
        found = [host for host, _ in self.known(name)] if name else []
        for host in found:
            del self._hosts[host]
        self.changed |= bool(found)
        return found

    def everything(self) -> Known:
        """Return all that is known now; `changed` is False until more is."""
        self.changed = False
        return list(self._hosts.items())

    def take(self, known: Known) -> None:
        """Take what was known once."""
        self._hosts.update(known[-MOST_HOSTS:])

    def _today(self) -> int:
        return int(self._wall() // DAY)


def written(known: Known) -> bytes:
    """Return a line for each host: its name, and both days, `-` for never."""
    lines = (
        f"{host} {day_text(best.tls)} {day_text(best.verified) or '-'}\n" for host, best in known
    )
    return "".join(lines).encode("ascii", "replace")


def read(text: bytes) -> Known:
    """Read what `written` returned. Lines of another form are left out."""
    known = []
    for line in text.decode("ascii", "replace").splitlines():
        match = _LINE.fullmatch(line)
        days = [_day(each) for each in match.groups()[1:]] if match else []
        if match and days[0]:
            known.append((match[1], BestTLS(days[0], days[1])))
    return known


def day_text(day: int) -> str:
    """Return a day as text, such as 2026-11-28; empty for never."""
    return (_EPOCH + timedelta(day)).isoformat() if day else ""


def _day(text: str) -> int:
    try:
        return (date.fromisoformat(text) - _EPOCH).days
    except ValueError:
        return 0
