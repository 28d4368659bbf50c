"""Finds which name of this host a request is for: that of the host, a domain, or a name below a
domain with a task of its own, such as `autoconfig.example.org`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from mailhost.interfaces.accounts import DirectoryView
from mailhost.message.address import BadAddress, parse_domain


class HostKind(Enum):
    """The kind of a name: that of the host, a domain of mail, or a label below one."""

    HOST = "host"
    DOMAIN = "domain"
    MAIL = "mail"
    MTA_STS = "mta-sts"
    AUTOCONFIG = "autoconfig"
    AUTODISCOVER = "autodiscover"


LABELS = ("mail", "mta-sts", "autoconfig", "autodiscover")
"""The labels of names that are served below each domain."""


@dataclass(frozen=True, slots=True)
class WebHost:
    """A name of this host. `domain` is the domain of mail that it belongs to, as the name says;
    empty for the name of the host where that is in no domain."""

    kind: HostKind
    domain: str


class WebHosts:
    """`hostname` is that of the settings, `view` returns the domains as they are now."""

    def __init__(self, hostname: str, view: Callable[[], DirectoryView]) -> None:
        self._hostname = hostname
        self._view = view

    def find(self, host: str) -> WebHost | None:
        """Return what the name in a Host field is; None for a name that is not of this host."""
        try:
            name = parse_domain(host)
        except BadAddress:
            return None
        label, _, parent = name.partition(".")
        below = parent if self.is_domain(parent) else ""
        if self.is_domain(name):
            return WebHost(HostKind.DOMAIN, name)
        if name == self._hostname:
            return WebHost(HostKind.HOST, below)
        return WebHost(HostKind(label), below) if below and label in LABELS else None

    def is_domain(self, name: str) -> bool:
        """True for a domain of this host, or another name of one."""
        return self._view().domain(name) is not None
