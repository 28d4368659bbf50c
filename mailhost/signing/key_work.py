"""Changes of the keys of domains, on the disk: made, replaced, retired, imported.

Only one process makes changes: the head of a running host, or the `mailhost` command while no host
runs. All methods block for the disk and raise OSError; making an RSA key takes 0.1 to 1 s.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from threading import Lock

from mailhost.dkim.keys import SigningKey, make_ed25519_key, make_rsa_key
from mailhost.interfaces.signing import DomainKey, KeyState, Shown
from mailhost.signing.key_files import KeyFiles, KeyPair
from mailhost.signing.rotation import ChangedKeys, advance, due_kinds, in_state, missing_kinds
from mailhost.signing.rules import DomainRules


class KeyRefused(ValueError):
    """A change that is not made; the text of the exception says why, and the remedy."""


class KeyWork:
    """One call at a time is carried out. `now` gives seconds since 1970."""

    def __init__(self, files: KeyFiles, now: Callable[[], float] = time.time) -> None:
        self._files = files
        self._now = now
        self._lock = Lock()

    def tend(self, domain: str, rules: DomainRules, shown: Mapping[str, Shown]) -> ChangedKeys:
        """Bring the keys of a domain up to date: make what is missing or due, use what DNS shows,
        retire and forget the old. `shown` is what DNS shows, by selector."""
        with self._lock:
            before = self._files.read(domain)
            now = self._now()
            pairs = [*(before or ())]
            at_once = not pairs and self._first_signs_at_once(rules)
            kinds = dict.fromkeys(missing_kinds(pairs, rules) + due_kinds(pairs, rules, now))
            for kind in kinds:
                pairs.append(self._new(domain, rules, kind, at_once, pairs))
            if rules.not_in_dns:
                shown = {each.public.selector: _as_if_asked(each.public) for each in pairs}
            keys = advance(pairs, rules, shown, now)
            if keys.pairs == before:
                return keys
            made = tuple(f"{each.public.name} is made" for each in pairs[len(before or ()) :])
            return ChangedKeys(self._files.save(domain, keys.pairs), made + keys.texts)

    def rotate(self, domain: str, rules: DomainRules) -> ChangedKeys:
        """Make a coming key of each kind that a domain has none of. Raises KeyRefused."""
        with self._lock:
            pairs = [*self._existing(domain)]
            coming = {e.public.algorithm for e in pairs if e.public.state is KeyState.COMING}
            new = [kind for kind in rules.algorithms if kind not in coming]
            if not new:
                raise KeyRefused(f"{domain} has coming keys already; put them into DNS")
            for kind in new:
                pairs.append(self._new(domain, rules, kind, False, pairs))
            return ChangedKeys(self._files.save(domain, pairs))

    def retire(self, domain: str, selector: str, force: bool = False) -> ChangedKeys:
        """Have a key sign no more; a coming one is forgotten. Raises KeyRefused."""
        with self._lock:
            pairs = self._existing(domain)
            found = next((e for e in pairs if e.public.selector == selector), None)
            if found is None or found.public.state not in (KeyState.COMING, KeyState.ACTIVE):
                raise KeyRefused(f"{domain} has no key {selector} that signs or will")
            others = [each for each in pairs if each is not found]
            if found.public.state is KeyState.ACTIVE:
                if not force and not any(e.public.state is KeyState.ACTIVE for e in others):
                    raise KeyRefused(
                        f"{selector} is the only key in use of {domain}; its mail would leave "
                        "without a signature; --force retires it nevertheless"
                    )
                others.append(in_state(found, KeyState.RETIRED, self._now()))
            return ChangedKeys(self._files.save(domain, others))

    def add(self, domain: str, selector: str, key: SigningKey, rules: DomainRules) -> ChangedKeys:
        """Add a key that was made elsewhere. It signs as one that was made here: at once if it is
        the first on a new host, else when DNS shows it. It takes the place of a coming key of its
        kind. Raises KeyRefused."""
        with self._lock:
            pairs = self._files.read(domain) or ()
            if any(each.public.selector == selector for each in pairs):
                raise KeyRefused(f"{domain} has a key {selector} already")
            at_once = not pairs and self._first_signs_at_once(rules)
            state = KeyState.ACTIVE if at_once else KeyState.COMING
            new = pair_of(key, domain, selector, state, int(self._now()))
            kept = [each for each in pairs if not _is_coming(each.public, key.kind)]
            return ChangedKeys(self._files.save(domain, [new, *kept]))

    def _first_signs_at_once(self, rules: DomainRules) -> bool:
        return rules.not_in_dns or self._files.signs_at_once()

    def _existing(self, domain: str) -> Sequence[KeyPair]:
        pairs = self._files.read(domain)
        if pairs is None:
            raise KeyRefused(f"{domain} has no keys; `mailhost dkim make {domain}` makes them")
        return pairs

    def _new(
        self,
        domain: str,
        rules: DomainRules,
        algorithm: str,
        at_once: bool,
        others: Sequence[KeyPair],
    ) -> KeyPair:
        now = int(self._now())
        selector = new_selector(rules.selector, algorithm, now, {e.public.selector for e in others})
        key = make_rsa_key(rules.rsa_bits) if algorithm == "rsa" else make_ed25519_key()
        state = KeyState.ACTIVE if at_once else KeyState.COMING
        return pair_of(key, domain, selector, state, now)


def pair_of(key: SigningKey, domain: str, selector: str, state: KeyState, now: int) -> KeyPair:
    """Return a key as that of a domain, in this state since now."""
    public = DomainKey(domain, selector, key.kind, key.record(), state, now, now)
    return KeyPair(public, key.pem().decode())


def new_selector(beginning: str, algorithm: str, now: float, taken: set[str]) -> str:
    """Return a selector with the date, such as `20261128-rsa`; a number follows where the domain
    has that selector already."""
    date = time.strftime("%Y%m%d", time.gmtime(now))
    name = f"{beginning}-{date}-{algorithm}" if beginning else f"{date}-{algorithm}"
    number, selector = 1, name
    while selector in taken:
        number += 1
        selector = f"{name}-{number}"
    return selector


def _is_coming(key: DomainKey, kind: str) -> bool:
    return key.state is KeyState.COMING and key.algorithm == kind


def _as_if_asked(key: DomainKey) -> Shown:
    """Return what DNS would show of a domain that cannot be in it."""
    return Shown.MISSING if key.state is KeyState.REMOVABLE else Shown.YES
