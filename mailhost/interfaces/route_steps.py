"""The steps by which routing resolves an address, for an operator who asks for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TypeAlias

from mailhost.message.address import Address


class StepRule(StrEnum):
    """The rule by which routing takes one step from an address."""

    MAILBOX = "mailbox"  # of an account, with or without the detail; the way ends there
    ALIAS = "alias"
    CATCH_ALL = "catch-all"
    ADMIN = "admin"  # postmaster or abuse, without an account or alias of that name
    POSTMASTER = "bare postmaster"  # <postmaster> without a domain stands for another address
    REPORTS = "reports"  # an address for reports of other hosts; the way ends there
    ELSEWHERE = "elsewhere"  # in a domain of another host; the way ends there
    AGAIN = "again"  # an alias that was expanded before, whose targets are there already
    CAME_BACK = "came back"  # the message came through this alias before
    LOOP = "loop"  # an alias leads back to itself, and there is no account of the name
    NO_READER = "no reader"  # postmaster, abuse or the admin, for which a setting is missing
    UNKNOWN = "unknown"


NoteStep: TypeAlias = Callable[[Address, StepRule, Address, Sequence[Address]], None]
"""Takes one step: the address as it was written, the rule, the name under which the rule was found
(without the detail, and with the domain's main name), and the addresses that it leads to."""


def no_note(address: Address, rule: StepRule, name: Address, targets: Sequence[Address]) -> None:
    """Take no note, as when mail is routed."""
