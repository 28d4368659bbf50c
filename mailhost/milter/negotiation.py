"""Negotiation: what we offer a filter, what it makes of that, and the terms that follow.

The filter answers with what it will do and what it wants to be spared; it may ask for macros of
its own choice at each stage. It may speak an older version than we do: it is spared what that
version does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntFlag

from mailhost.milter.codec import MilterFailed, Packet, number, numbers, string, text
from mailhost.milter.stages import NEGOTIATION, MilterStage, Wishes

VERSION = 6
OLDEST = 2


class Actions(IntFlag):
    """How a filter may change a message (SMFIF_*)."""

    ADD_FIELDS = 1 << 0
    REPLACE_BODY = 1 << 1
    ADD_RECIPIENTS = 1 << 2
    REMOVE_RECIPIENTS = 1 << 3
    CHANGE_FIELDS = 1 << 4
    QUARANTINE = 1 << 5
    CHANGE_SENDER = 1 << 6
    ADD_RECIPIENTS_WITH_PARAMETERS = 1 << 7
    CHOOSE_MACROS = 1 << 8


ALL_ACTIONS = Actions((1 << 9) - 1)
# all but to hear of recipients that others refused: those never come to a filter of the chain
ALL_WISHES = Wishes((1 << 21) - 1) & ~Wishes.REFUSED_RECIPIENTS


@dataclass(frozen=True, slots=True)
class Options:
    """The packet that goes both ways. `macros` is the filter's choice: the number of a stage
    (SMFIM_*) and names with spaces or commas between them."""

    version: int = VERSION
    actions: Actions = ALL_ACTIONS
    wishes: Wishes = ALL_WISHES
    macros: tuple[tuple[int, str], ...] = ()

    def packet(self) -> Packet:
        """Three numbers, then the lists of macros."""
        data = b"".join(map(number, (self.version, self.actions, self.wishes)))
        lists = (number(stage) + string(names) for stage, names in self.macros)
        return Packet(NEGOTIATION.letter, data + b"".join(lists))


def parse_options(packet: Packet) -> Options:
    """Return what the other side negotiates for. Raises MilterFailed."""
    if packet.letter != NEGOTIATION.letter:
        raise MilterFailed(f"the filter answered our offer with {packet.letter!r}")
    (version, actions, wishes), rest = numbers(packet.data, 3)
    lists = []
    while rest:
        (stage,), rest = numbers(rest, 1)
        names, _, rest = rest.partition(b"\0")
        lists.append((stage, text(names)))
    return Options(version, Actions(actions), Wishes(wishes), tuple(lists))


OFFER = Options()


@dataclass(frozen=True, slots=True)
class NegotiatedTerms:
    """The result of the negotiation of a connection.

    `macros` has the names that the filter chose, by SMFIM_*.
    """

    version: int
    actions: Actions
    wishes: Wishes
    macros: Mapping[int, tuple[str, ...]] = field(default_factory=dict)

    def knows(self, stage: MilterStage) -> bool:
        """True where the filter's version has this stage."""
        return self.version >= stage.since

    def wants(self, stage: MilterStage) -> bool:
        """True if the filter wants to be sent it."""
        return self.knows(stage) and not self.wishes & stage.unwanted

    def answers(self, stage: MilterStage) -> bool:
        """True where it will answer."""
        return not self.wishes & stage.silent

    @property
    def leading_space(self) -> bool:
        """True where values of fields have the space behind the colon with them."""
        return bool(self.wishes & Wishes.LEADING_SPACE)


def agree(offer: Options, answer: Options) -> NegotiatedTerms:
    """Return the terms. Raises MilterFailed where the filter asks for what was not offered."""
    if not OLDEST <= answer.version <= offer.version:
        raise MilterFailed(f"the filter speaks version {answer.version} of the protocol")
    lacking = int(answer.actions) & ~int(offer.actions)  # the flags' own ~ knows known ones alone
    if lacking:
        raise MilterFailed(f"the filter wants to change what it may not: {Actions(lacking)!r}")
    wishes = Wishes(answer.wishes & ALL_WISHES)
    lacking_wishes = wishes & ~offer.wishes
    if lacking_wishes:
        raise MilterFailed(f"the filter asks for what was not offered: {lacking_wishes!r}")
    chosen = {stage: _names(names) for stage, names in answer.macros}
    return NegotiatedTerms(answer.version, answer.actions, wishes, chosen)


def _names(names: str) -> tuple[str, ...]:
    """The names one by one; those of several letters stand in braces."""
    return tuple(
        name if len(name) == 1 or name.startswith("{") else f"{{{name}}}"
        for name in names.replace(",", " ").split()
    )
