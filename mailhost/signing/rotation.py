"""The life of the keys of a domain, without I/O: when a key signs, is replaced, and is removed.

A key is COMING until DNS shows it, then ACTIVE; the former key of its kind is RETIRED at that
moment. A retired key keeps its record in DNS as long as mail that it signed can be in a queue. Then
it is REMOVABLE, and is forgotten when DNS shows it no more, or shows that it is revoked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mailhost.interfaces.signing import DomainKey, KeyState, Shown
from mailhost.signing.key_files import KeyPair
from mailhost.signing.rules import DomainRules

IN_USE = (KeyState.COMING, KeyState.ACTIVE)


@dataclass(frozen=True, slots=True)
class ChangedKeys:
    """The keys of a domain, and lines for the log about what has changed."""

    pairs: tuple[KeyPair, ...]
    texts: tuple[str, ...] = ()


def missing_kinds(pairs: Sequence[KeyPair], rules: DomainRules) -> list[str]:
    """Return the kinds of keys that a domain is to have, and has none of that signs or will."""
    there = {each.public.algorithm for each in pairs if each.public.state in IN_USE}
    return [kind for kind in rules.algorithms if kind not in there]


def due_kinds(pairs: Sequence[KeyPair], rules: DomainRules, now: float) -> list[str]:
    """Return the kinds of which the key has reached the age of `rotate_after`, and no other is
    coming."""
    if not rules.rotate_after:
        return []
    kinds = dict[str, bool]()
    for key in (each.public for each in pairs):
        if key.state is KeyState.ACTIVE:
            old = now >= key.made + rules.rotate_after
            kinds[key.algorithm] = kinds.get(key.algorithm, True) and old
    coming = {each.public.algorithm for each in pairs if each.public.state is KeyState.COMING}
    return [kind for kind in rules.algorithms if kinds.get(kind, False) and kind not in coming]


def advance(
    pairs: Sequence[KeyPair], rules: DomainRules, shown: Mapping[str, Shown], now: float
) -> ChangedKeys:
    """Return the keys of a domain in the states that they have now. `shown` is what DNS shows, by
    selector; selectors that are not in it were not asked for."""
    kept, texts = list[KeyPair](), list[str]()
    taking_over = _taking_over(pairs, rules, shown)
    for pair in pairs:
        key = pair.public
        state = _next_state(key, rules, shown.get(key.selector), taking_over, now)
        if state is None:
            texts.append(f"{key.name} is forgotten")
            continue
        if state is not key.state:
            texts.append(_text(key, state))
            pair = in_state(pair, state, now)
        kept.append(pair)
    return ChangedKeys(tuple(kept), tuple(texts))


def in_state(pair: KeyPair, state: KeyState, now: float) -> KeyPair:
    """Return the key in another state since now. The private half of a key that signs no more is
    deleted."""
    pem = pair.pem if state in IN_USE else ""
    return KeyPair(replace(pair.public, state=state, since=int(now)), pem)


def _taking_over(
    pairs: Sequence[KeyPair], rules: DomainRules, shown: Mapping[str, Shown]
) -> dict[str, str]:
    """Return for each kind the selector of the coming key that DNS shows: the newest."""
    found = dict[str, str]()
    for key in (each.public for each in sorted(pairs, key=lambda each: each.public.made)):
        if key.state is KeyState.COMING and shown.get(key.selector) is Shown.YES:
            found[key.algorithm] = key.selector
    return {kind: selector for kind, selector in found.items() if kind in rules.algorithms}


def _next_state(
    key: DomainKey,
    rules: DomainRules,
    shown: Shown | None,
    taking_over: Mapping[str, str],
    now: float,
) -> KeyState | None:
    """Return the state of a key, None for one that is to be forgotten."""
    successor = taking_over.get(key.algorithm)
    if successor == key.selector:
        return KeyState.ACTIVE
    wanted = key.algorithm in rules.algorithms
    if key.state is KeyState.COMING and not wanted:
        return None
    if key.state is KeyState.ACTIVE and (successor or not wanted):
        return KeyState.RETIRED
    if key.state is KeyState.RETIRED and now >= key.since + rules.retire_for:
        return KeyState.REMOVABLE
    if key.state is KeyState.REMOVABLE and shown in (Shown.MISSING, Shown.DIFFERENT):
        return None
    return key.state


def _text(key: DomainKey, state: KeyState) -> str:
    if state is KeyState.ACTIVE:
        return f"{key.name} is in DNS and signs from now on"
    if state is KeyState.RETIRED:
        return f"{key.name} signs no more; leave its record in DNS until the log says more"
    return f"{key.name} is used by no mail any more; remove its record from DNS"


def warnings(keys: Sequence[DomainKey], shown: Mapping[str, Shown]) -> Iterator[str]:
    """Yield what is wrong with the records of a domain's keys in DNS."""
    for fault, text in (
        (Shown.MISSING, "DNS does not show"),
        (Shown.DIFFERENT, "DNS shows another key at"),
    ):
        names = [
            key.name for key in keys if shown.get(key.selector) is fault and _matters(key, fault)
        ]
        if names:
            domain = keys[0].domain
            yield f"{text} {', '.join(names)}; see `mailhost dkim list {domain}`"


def _matters(key: DomainKey, fault: Shown) -> bool:
    """False for a record that may be gone, and for one that revokes a key that was stolen."""
    if key.state is KeyState.RETIRED:
        return fault is Shown.MISSING
    return key.state is not KeyState.REMOVABLE
