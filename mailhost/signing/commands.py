"""The changes that the `mailhost dkim` commands make, in the running host or without one.

Each change is a function of the settings' rules and a KeyWork, which blocks for the disk. Entries
are keys as the commands show them, also in JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from mailhost.dkim.keys import BadPrivateKey, read_key
from mailhost.dkim.signature import BadSignature, parse_selector
from mailhost.interfaces.signing import DomainKey, Shown
from mailhost.signing.key_work import KeyRefused, KeyWork
from mailhost.signing.rotation import ChangedKeys
from mailhost.signing.rules import DomainRules

Entry = dict[str, Any]


def entry_of(key: DomainKey, shown: Shown) -> Entry:
    """Return a key with its record, and what DNS showed of it when it was asked last."""
    return {
        "domain": key.domain,
        "selector": key.selector,
        "algorithm": key.algorithm,
        "state": key.state.value,
        "made": key.made,
        "since": key.since,
        "dns": shown.value,
        "name": key.name,
        "record": key.record,
    }


def change_of(
    command: str, rules: DomainRules, work: KeyWork, arguments: Mapping[str, Any]
) -> Callable[[str], ChangedKeys]:
    """Return the function that carries out a command for a domain. It raises KeyRefused, OSError.

    The arguments of `retire` are `selector` and `force`, those of `import` `selector` and `pem`.
    Raises KeyRefused for an argument that cannot be read.
    """
    if command == "make":
        return lambda domain: work.tend(domain, rules, {})
    if command == "rotate":
        return lambda domain: work.rotate(domain, rules)
    if command == "retire":
        return partial(work.retire, **arguments)
    try:
        selector = parse_selector(arguments["selector"])
        key = read_key(arguments["pem"].encode())
    except (BadSignature, BadPrivateKey) as bad:
        raise KeyRefused(str(bad)) from bad
    return lambda domain: work.add(domain, selector, key, rules)
