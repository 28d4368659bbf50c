"""One connection to a filter as a machine without I/O: questions become bytes, bytes a verdict.

`notify` returns the octets to be sent. `verdict` is None then while the filter owes an answer: what
it sends goes to `receive` until `verdict` is there. A verdict that is final, for the connection or
for the message, is the verdict on every later question, and nothing is sent for those. A call that
raises MilterFailed leaves the session of no more use.
"""

from __future__ import annotations

from collections.abc import Mapping

from mailhost.milter import stages
from mailhost.milter.codec import MilterFailed, Packet, PacketReader, pack
from mailhost.milter.commands import BareCommand, Question, stage_of
from mailhost.milter.edits import MOST_OCTETS, NO_EDITS, EditCollector
from mailhost.milter.macros import macros_for
from mailhost.milter.negotiation import OFFER, NegotiatedTerms, Options, agree, parse_options
from mailhost.milter.replies import Answer, ReplyCode, Word, parse_reply
from mailhost.milter.stages import IN_MESSAGE, MOVES, NEGOTIATION, MilterStage, Place
from mailhost.milter.verdict import DISCARD, GO_ON, SKIP, MilterDecision, MilterVerdict, verdict_of

_OF_CONNECTION = (stages.CONNECT, stages.HELO)
_OF_ONE = (stages.RCPT,)  # a refusal there says nothing of the message


class MilterSession:
    """The commands and replies of one connection. `offer` is what the filter may do and ask for;
    `most` is how many octets it may change in one message.

    `edits` are there after the end of a message. `asked` is the stage of the last question.
    """

    def __init__(self, offer: Options = OFFER, most: int = MOST_OCTETS) -> None:
        self._offer = offer
        self._most = most
        self._reader = PacketReader()
        self._terms: NegotiatedTerms | None = None
        self._place = Place.AGREED
        self._connection: MilterVerdict | None = None
        self._message: MilterVerdict | None = None
        self._skipped: MilterStage | None = None
        self._collector: EditCollector | None = None
        self.asked = NEGOTIATION
        self.verdict: MilterVerdict | None = GO_ON
        self.edits = NO_EDITS

    @property
    def terms(self) -> NegotiatedTerms:
        """The result of the negotiation. Raises MilterFailed before that."""
        if self._terms is None:
            raise MilterFailed("nothing is negotiated with the filter yet")
        return self._terms

    # --- what is sent ----------------------------------------------------------------------------

    def negotiate(self) -> bytes:
        """Make the offer. Its verdict is to go on."""
        self.verdict = None
        return pack(self._offer.packet())

    def notify(self, question: Question, values: Mapping[str, str]) -> bytes:
        """Ask; `values` are all macros that are known by now. Raises ValueError for what is out
        of order."""
        stage = stage_of(question)
        data = self._move(stage)
        self.asked = stage
        self.verdict = self._known(stage)
        if self.verdict is not None:
            return data
        macros = macros_for(stage, self.terms, values)
        data += pack(macros.packet()) if macros is not None else b""
        if not self.terms.wants(stage):
            self.verdict = GO_ON
            return data
        if stage is stages.END_OF_BODY:
            self._collector = EditCollector(self.terms, self._offer.actions, self._most)
        if not self.terms.answers(stage):
            self.verdict = GO_ON
        return data + pack(question.packet())

    def abort(self) -> bytes:
        """Forget the message that is under way; the connection goes on."""
        begun = self._place in IN_MESSAGE and self._connection is None and self._message is None
        if self._place in IN_MESSAGE:
            self._place = Place.IDLE
        self._message = self._skipped = None
        self.edits = NO_EDITS
        return pack(BareCommand.ABORT.packet()) if begun else b""

    def quit(self) -> bytes:
        """Say goodbye."""
        return pack(BareCommand.QUIT.packet())

    def _move(self, stage: MilterStage) -> bytes:
        """Go where the stage leads. A new message or hello ends the one under way."""
        if self.verdict is None:
            raise ValueError(f"{self.asked.text} has no answer yet")
        places, target = MOVES[stage]
        if self._terms is None or self._place not in places:
            raise ValueError(f"{stage.text} is out of order")
        data = self.abort() if stage in (stages.HELO, stages.MAIL) else b""
        self._place = target or self._place
        self._skipped = self._skipped if stage is self._skipped else None
        return data

    def _known(self, stage: MilterStage) -> MilterVerdict | None:
        """The verdict that there is without asking."""
        if self._connection is not None or self._message is not None:
            return self._connection or self._message
        return SKIP if stage is self._skipped else None

    # --- what comes ------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Take what the filter sent. Raises MilterFailed."""
        for packet in self._reader.feed(data):
            if self.verdict is not None:
                raise MilterFailed("the filter said something that nobody asked for")
            self._take(packet)
        if self._reader.fault:
            raise MilterFailed(self._reader.fault)

    def _take(self, packet: Packet) -> None:
        if self._terms is None:
            self._terms = agree(self._offer, parse_options(packet))
            self.verdict = GO_ON
            return
        reply = parse_reply(packet)
        if reply is Word.PROGRESS:
            return
        if isinstance(reply, Word | ReplyCode):
            self.verdict = self._judge(reply)
        elif self._collector is not None:
            self._collector.add(reply)
        else:
            raise MilterFailed("the filter changes the message before its end")

    def _judge(self, answer: Answer) -> MilterVerdict:
        """Take an answer to heart: what is final, and for what."""
        verdict = verdict_of(answer)
        stage = self.asked
        if verdict == DISCARD and stage in _OF_CONNECTION:
            return GO_ON  # there is nothing to throw away; Postfix goes on too
        if stage is stages.END_OF_BODY:
            self._end()
        elif verdict == SKIP:
            self._skipped = stage
        elif verdict != GO_ON:
            self._decide(stage, verdict)
        if verdict.ends_connection:
            self._connection = verdict
        return verdict

    def _end(self) -> None:
        if self._collector is not None:
            self.edits, self._collector = self._collector.finish(), None

    def _decide(self, stage: MilterStage, verdict: MilterVerdict) -> None:
        if stage in _OF_CONNECTION:
            self._connection = verdict
        elif verdict.decision is not MilterDecision.REFUSE or stage not in _OF_ONE:
            self._message = verdict
