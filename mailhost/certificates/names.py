"""The names that certificates are ordered for: as far as they lead to this host.

There is one certificate for the host's name, and one for each domain: so a failure of one domain
does not concern another, and a certificate does not show the other domains. A name leads to this
host if all its addresses are addresses of this host; CNAMEs are followed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime

from mailhost.concurrency.side_by_side import side_by_side
from mailhost.interfaces.dns import IResolver, NoSuchDomain, ResolveFailed
from mailhost.message.domains import is_at_or_below

LABELS = ("mail", "autoconfig", "autodiscover", "mta-sts")
SECONDS = 30.0  # for the addresses of one name


@dataclass(frozen=True, slots=True)
class Group:
    """The names of one certificate. `name` is the host's name or a domain. `asked` are those that
    the operator named: they are ordered wherever they lead."""

    name: str
    names: tuple[str, ...]
    asked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Leading:
    """The names of a group by where they lead. `left_out` has the reasons, `unknown` are names that
    DNS gave no answer for."""

    here: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)


def groups(
    hostname: str, domains: Iterable[str], asked: Iterable[str], covered: Callable[[str], bool]
) -> list[Group]:
    """Return the certificates that this host should have, its own first. `asked` are further names
    of the settings; `covered` is true for names that have a certificate already."""
    served = sorted({*domains})
    names: dict[str, list[str]] = {hostname: [hostname]}
    for domain in served:
        ours = [f"{label}.{domain}" for label in LABELS]
        names.setdefault(domain, []).extend(ours)
    more: dict[str, list[str]] = {}
    for name in asked:
        bare = name.removeprefix("*.")
        above = [domain for domain in served if is_at_or_below(bare, domain)]
        more.setdefault(max(above, key=len, default=hostname), []).append(name)
    taken: set[str] = set()
    found = []
    for key, wanted in names.items():
        extra = [each for each in more.get(key, ()) if each not in taken and not covered(each)]
        kept = [each for each in wanted if each not in {*taken, *extra} and not covered(each)]
        taken.update(extra, kept)
        if kept or extra:
            found.append(Group(key, tuple(dict.fromkeys(kept)), tuple(dict.fromkeys(extra))))
    return found


class _Way(Enum):
    HERE = auto()
    ELSEWHERE = auto()
    UNKNOWN = auto()


class NameFinder:
    """`own` returns the addresses of this host; `in_dns` is false for names that are never looked
    up, such as those for tests."""

    def __init__(
        self,
        clock: IReactorTime,
        resolver: IResolver,
        own: Callable[[], Awaitable[Sequence[str]]],
        in_dns: Callable[[str], bool],
    ) -> None:
        self._clock = clock
        self._resolver = resolver
        self._own = own
        self._in_dns = in_dns

    async def own_addresses(self) -> frozenset[str]:
        """Return the addresses of this host."""
        return frozenset(await self._own())

    async def look(self, group: Group, own: frozenset[str]) -> Leading:
        """Return where the names of a group lead. Raises nothing."""
        ways = await side_by_side(self._way(name, own) for name in group.names)
        by_name = dict(zip(group.names, ways, strict=True))
        return Leading(
            (
                *(name for name, (way, _) in by_name.items() if way is _Way.HERE),
                *group.asked,
            ),
            tuple(name for name, (way, _) in by_name.items() if way is _Way.UNKNOWN),
            {name: why for name, (way, why) in by_name.items() if way is not _Way.HERE},
        )

    async def _way(self, name: str, own: frozenset[str]) -> tuple[_Way, str]:
        if not self._in_dns(name):
            return _Way.ELSEWHERE, "such names are not in DNS"
        if not own:
            return _Way.ELSEWHERE, "no address of this host is known: write [dns] addresses"
        try:
            found = await Deferred.fromCoroutine(self._addresses(name)).addTimeout(
                SECONDS, self._clock
            )
        except NoSuchDomain:
            return _Way.ELSEWHERE, "it does not exist"
        except (ResolveFailed, TimeoutError) as error:
            return _Way.UNKNOWN, f"it cannot be looked up: {error}"
        if not found:
            return _Way.ELSEWHERE, "it has no address"
        others = sorted(set(found) - own)
        return (_Way.ELSEWHERE, f"it leads to {', '.join(others)}") if others else (_Way.HERE, "")

    async def _addresses(self, name: str) -> Sequence[str]:
        return await self._resolver.addresses(name)
