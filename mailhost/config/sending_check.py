"""Checks of the own side of connections to other hosts: addresses, IP versions, names in EHLO."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from mailhost.config.local_address import can_bind
from mailhost.config.model import Settings
from mailhost.config.problems import Problem, key_of
from mailhost.config.sending import DomainSending, Families

_Place: TypeAlias = tuple[str | int, ...]
_ALONE = {Families.IPV4: 4, Families.IPV6: 6}


def sending_faults(settings: Settings) -> Iterator[Problem]:
    """Yield domains of the file that have their settings in `[relay.domain]`."""
    names = {also: name for name, each in settings.domain.items() for also in (name, *each.aliases)}
    for domain in settings.relay.domain:
        if domain in names:
            text = f'is a domain of this file; write [domain."{names[domain]}".sending] instead'
            yield Problem(key_of(("relay", "domain", domain)), text)


def sending_warnings(settings: Settings) -> Iterator[Problem]:
    """Yield addresses that this machine does not have or that are never used, and names in EHLO
    that no other host can look up."""
    yield from _addresses(settings, ("relay", "bind"), settings.relay.bind)
    for place, sending in _tables(settings):
        yield from _addresses(settings, (*place, "address"), sending.address)
        if sending.hello and "." not in sending.hello:
            text = (
                f"{sending.hello!r} is no name by which other hosts can find this host; write a "
                'full name, such as "mail.example.com"'
            )
            yield Problem(key_of((*place, "hello")), text)


def _tables(settings: Settings) -> Iterator[tuple[_Place, DomainSending]]:
    for name, own in settings.relay.domain.items():
        yield ("relay", "domain", name), own
    for name, domain in settings.domain.items():
        yield ("domain", name, "sending"), domain.sending


def _addresses(settings: Settings, place: _Place, addresses: tuple[str, ...]) -> Iterator[Problem]:
    only = _ALONE.get(settings.relay.families)
    for address in addresses:
        version = 6 if ":" in address else 4
        if only and version != only:
            text = f'{address} is not used, since relay.families is "{settings.relay.families}"'
            yield Problem(key_of(place), text)
        elif not can_bind(address):
            text = (
                f"this machine does not have the address {address} now, so mail cannot leave from "
                "it; write one that `ip address` shows"
            )
            yield Problem(key_of(place), text)
