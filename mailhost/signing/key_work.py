"""Changes of the keys of domains, on the disk: made, replaced, retired, imported.

Only one process makes changes: the head of a running host, or the `mailhost` command while no host
runs. All methods block for the disk and raise OSError; making an RSA key takes 0.1 to 1 s.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from threading import Lock

from mailhost.dkim.keys import SigningKey, make_ed25519_key, make_rsa_key
from mailhost.interfaces.signing import DomainKey, KeyState
from mailhost.signing.key_files import KeyFiles, KeyPair
from mailhost.signing.rules import DomainRules


class KeyWork:
    """One call at a time is carried out. `now` gives seconds since 1970."""

    def __init__(self, files: KeyFiles, now: Callable[[], float] = time.time) -> None:
        self._files = files
        self._now = now
        self._lock = Lock()

    def make_missing(self, domain: str, rules: DomainRules, shown: bool) -> tuple[KeyPair, ...]:
        """Make a key of each kind that a domain has none of, and return all its keys.

        With `shown`, the keys need not be in DNS to sign. The first keys need not either where the
        host began with signing.
        """
        with self._lock:
            keys = self._files.read(domain) or ()
            at_once = shown or (not keys and self._files.signs_at_once())
            state = KeyState.ACTIVE if at_once else KeyState.COMING
            new = [
                self._new(domain, rules, kind, state, keys) for kind in missing_kinds(keys, rules)
            ]
            if new or not keys:
                self._files.save(domain, [*new, *keys])
            return (*new, *keys)

    def _new(
        self,
        domain: str,
        rules: DomainRules,
        algorithm: str,
        state: KeyState,
        others: Sequence[KeyPair],
    ) -> KeyPair:
        now = int(self._now())
        selector = new_selector(rules.selector, algorithm, now, {e.public.selector for e in others})
        key = make_rsa_key(rules.rsa_bits) if algorithm == "rsa" else make_ed25519_key()
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


def missing_kinds(keys: Sequence[KeyPair], rules: DomainRules) -> list[str]:
    """Return the kinds of keys that a domain is to have, and has none of that signs or will."""
    kept = (KeyState.COMING, KeyState.ACTIVE)
    there = {each.public.algorithm for each in keys if each.public.state in kept}
    return [kind for kind in rules.algorithms if kind not in there]
