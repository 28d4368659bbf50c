"""Whether a certificate is to be ordered now, and for which names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mailhost.certificates.folder import StoredCertificate
from mailhost.certificates.keys import certificate_id, kind_of
from mailhost.certificates.names import Leading
from mailhost.certificates.plan import Setup
from mailhost.certificates.schedule import is_due, is_late
from mailhost.certificates.state import NEVER_FAILED, NO_SCHEDULE, State
from mailhost.net.tls.certificate import covers


@dataclass(frozen=True, slots=True)
class Need:
    """`names` are those to be ordered now; `new` are those of them that the present certificate
    is not for. With `renewal` it has to be replaced. `needed` are names that it is for and that a
    new one must be for too, as waiting for a better one is possible. `replaces` is its id at the
    authority, empty for none."""

    names: tuple[str, ...]
    new: frozenset[str]
    renewal: bool
    needed: frozenset[str] = frozenset()
    replaces: str = ""

    def accepts(self, names: Iterable[str]) -> bool:
        """True if a certificate for these names is better than the present one."""
        found = frozenset(names)
        return self.needed <= found and bool(found) and (self.renewal or bool(self.new & found))


def need_of(
    setup: Setup,
    leading: Leading,
    stored: StoredCertificate | None,
    state: State,
    now: float,
    forced: bool = False,
) -> Need:
    """Return the need for a certificate. `forced`: the operator asks for it now."""
    present = frozenset(stored.files.names) if stored else frozenset()
    wanted = [*leading.here, *(name for name in leading.unknown if covers(present, name))]
    ready = tuple(
        name for name in wanted if forced or state.names.get(name, NEVER_FAILED).next <= now
    )
    new = frozenset(name for name in ready if not covers(present, name))
    if stored is None:
        return Need(ready, new, renewal=forced)
    plan = state.schedules.get(stored.name, NO_SCHEDULE)
    same_directory = plan.directory in ("", setup.directory)
    due = is_due(plan, stored.begins, stored.ends, now)
    renewal = forced or due or not same_directory or kind_of(stored.files.key) is not setup.key
    waits = same_directory and not is_late(stored.begins, stored.ends, now)
    needed = frozenset(name for name in wanted if waits and covers(present, name))
    replaces = certificate_id(stored.files.chain[0]) if renewal and same_directory else ""
    return Need(ready, new, renewal, needed, replaces)
