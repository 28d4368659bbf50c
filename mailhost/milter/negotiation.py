"""Negotiation: the offer to a filter, the filter's answer, and the terms that follow from both.

The filter answers with the actions that it may take and the stages that it does not want, and may
choose the macros of each stage. A filter with an older version of the protocol is not asked about
stages that its version does not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntFlag

from mailhost.milter.codec import MilterFailed, Packet, number, numbers, string, text
from mailhost.milter.stages import NEGOTIATION, MilterStage, ProtocolFlags

NEWEST_VERSION = 6
OLDEST_VERSION = 2


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
# All but REFUSED_RECIPIENTS: refused recipients never come to a filter of the chain.
ALL_PROTOCOL_FLAGS = ProtocolFlags((1 << 21) - 1) & ~ProtocolFlags.REFUSED_RECIPIENTS


@dataclass(frozen=True, slots=True)
class MilterOptions:
    """The options of one side, as both sides send them. `macros` are chosen by the filter: numbers
    of stages (SMFIM_*) and names of macros with spaces or commas between them."""

    version: int = NEWEST_VERSION
    actions: Actions = ALL_ACTIONS
    protocol_flags: ProtocolFlags = ALL_PROTOCOL_FLAGS
    macros: tuple[tuple[int, str], ...] = ()

    def packet(self) -> Packet:
        """Return three numbers, then the lists of macros."""
        data = b"".join(map(number, (self.version, self.actions, self.protocol_flags)))
        lists = (number(stage) + string(names) for stage, names in self.macros)
        return Packet(NEGOTIATION.letter, data + b"".join(lists))


def parse_options(packet: Packet) -> MilterOptions:
    """Return the options in the filter's answer. Raises MilterFailed."""
    if packet.letter != NEGOTIATION.letter:
        raise MilterFailed(f"the filter answered our offer with {packet.letter!r}")
    (version, actions, protocol_flags), rest = numbers(packet.data, 3)
    lists = []
    while rest:
        (stage,), rest = numbers(rest, 1)
        names, _, rest = rest.partition(b"\0")
        lists.append((stage, text(names)))
    return MilterOptions(version, Actions(actions), ProtocolFlags(protocol_flags), tuple(lists))


OFFER = MilterOptions()


@dataclass(frozen=True, slots=True)
class NegotiatedTerms:
    """The result of the negotiation of a connection.

    `macros` has the names that the filter chose, by the number of the stage (SMFIM_*).
    """

    version: int
    actions: Actions
    protocol_flags: ProtocolFlags
    macros: Mapping[int, tuple[str, ...]] = field(default_factory=dict)

    def knows(self, stage: MilterStage) -> bool:
        """Return True if the filter's version of the protocol has this stage."""
        return self.version >= stage.since

    def wants(self, stage: MilterStage) -> bool:
        """Return True if the filter wants to be asked about this stage."""
        return self.knows(stage) and not self.protocol_flags & stage.unwanted

    def answers(self, stage: MilterStage) -> bool:
        """Return True if the filter will answer at this stage."""
        return not self.protocol_flags & stage.silent

    @property
    def leading_space(self) -> bool:
        """True if values of fields include the space behind the colon."""
        return bool(self.protocol_flags & ProtocolFlags.LEADING_SPACE)


def agree(offer: MilterOptions, answer: MilterOptions) -> NegotiatedTerms:
    """Return the terms. Raises MilterFailed if the filter asks for more than was offered."""
    if not OLDEST_VERSION <= answer.version <= offer.version:
        raise MilterFailed(f"the filter speaks version {answer.version} of the protocol")
    not_offered = int(answer.actions) & ~int(
        offer.actions
    )  # as int: ~ of an IntFlag drops unknown flags
    if not_offered:
        raise MilterFailed(
            f"the filter asks for actions that it may not take: {Actions(not_offered)!r}"
        )
    protocol_flags = ProtocolFlags(answer.protocol_flags & ALL_PROTOCOL_FLAGS)
    flags_not_offered = protocol_flags & ~offer.protocol_flags
    if flags_not_offered:
        raise MilterFailed(f"the filter asks for what was not offered: {flags_not_offered!r}")
    chosen = {stage: _names(names) for stage, names in answer.macros}
    return NegotiatedTerms(answer.version, answer.actions, protocol_flags, chosen)


def _names(names: str) -> tuple[str, ...]:
    """Return the names as a tuple. A name of several letters gets braces."""
    return tuple(
        name if len(name) == 1 or name.startswith("{") else f"{{{name}}}"
        for name in names.replace(",", " ").split()
    )
