"""One connection to a filter as a state machine without I/O: packets for questions, then a verdict.

`notify` returns the octets of a question. `verdict` is None while an answer is awaited: the octets
that the filter sends must be handed to `receive` until `verdict` is set. A final verdict, on the
connection or on the message, is the verdict on every later question, and no later question is sent.
After MilterFailed the session is unusable.
"""

from __future__ import annotations

from collections.abc import Mapping

from mailhost.milter import stages
from mailhost.milter.codec import MilterFailed, Packet, PacketReader, pack
from mailhost.milter.commands import BareCommand, Question, stage_of
from mailhost.milter.edits import MOST_CHANGED_OCTETS, NO_EDITS, EditCollector
from mailhost.milter.macros import macros_for
from mailhost.milter.negotiation import OFFER, MilterOptions, NegotiatedTerms, agree, parse_options
from mailhost.milter.replies import BareReply, MilterAnswer, ReplyCode, parse_reply
from mailhost.milter.stages import IN_MESSAGE, MOVES, NEGOTIATION, MilterStage, MilterState
from mailhost.milter.verdict import DISCARD, GO_ON, SKIP, MilterDecision, MilterVerdict, verdict_of

_CONNECTION_STAGES = (stages.CONNECT, stages.HELO)
_RECIPIENT_STAGES = (stages.RCPT,)  # a refusal at this stage is not a verdict on the message


class MilterSession:
    """The commands and replies of one connection. `offer` are the actions and options that the
    filter may ask for; `most_octets` limits the octets that it may change in one message.

    `edits` are set at the end of a message. `asked` is the stage of the last question.
    """

    def __init__(
        self, offer: MilterOptions = OFFER, most_octets: int = MOST_CHANGED_OCTETS
    ) -> None:
        self._offer = offer
        self._most_octets = most_octets
        self._reader = PacketReader()
        self._terms: NegotiatedTerms | None = None
        self._state = MilterState.AGREED
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

    # --- questions -------------------------------------------------------------------------------

    def negotiate(self) -> bytes:
        """Return the packet with the offer. The verdict is GO_ON once the filter has answered."""
        self.verdict = None
        return pack(self._offer.packet())

    def notify(self, question: Question, values: Mapping[str, str]) -> bytes:
        """Return the packets of a question, empty if nothing is to be sent. `values` are all macros
        that are known now. Raises ValueError if the question is out of order."""
        stage = stage_of(question)
        data = self._move(stage)
        self.asked = stage
        self.verdict = self._settled_verdict(stage)
        if self.verdict is not None:
            return data
        macros = macros_for(stage, self.terms, values)
        data += pack(macros.packet()) if macros is not None else b""
        if not self.terms.wants(stage):
            self.verdict = GO_ON
            return data
        if stage is stages.END_OF_BODY:
            self._collector = EditCollector(self.terms, self._offer.actions, self._most_octets)
        if not self.terms.answers(stage):
            self.verdict = GO_ON
        return data + pack(question.packet())

    def abort(self) -> bytes:
        """End the message, and return the packet for that. The connection stays usable."""
        begun = self._state in IN_MESSAGE and self._connection is None and self._message is None
        if self._state in IN_MESSAGE:
            self._state = MilterState.IDLE
        self._message = self._skipped = None
        self.edits = NO_EDITS
        return pack(BareCommand.ABORT.packet()) if begun else b""

    def quit(self) -> bytes:
        """Return the packet that ends the connection."""
        return pack(BareCommand.QUIT.packet())

    def _move(self, stage: MilterStage) -> bytes:
        """Enter the state to which the stage leads. HELO and MAIL abort a message that is not
        finished; the octets for that are returned."""
        if self.verdict is None:
            raise ValueError(f"{self.asked.text} has no answer yet")
        states, target = MOVES[stage]
        if self._terms is None or self._state not in states:
            raise ValueError(f"{stage.text} is out of order")
        data = self.abort() if stage in (stages.HELO, stages.MAIL) else b""
        self._state = target or self._state
        self._skipped = self._skipped if stage is self._skipped else None
        return data

    def _settled_verdict(self, stage: MilterStage) -> MilterVerdict | None:
        """Return the verdict if it is known without a question."""
        if self._connection is not None or self._message is not None:
            return self._connection or self._message
        return SKIP if stage is self._skipped else None

    # --- answers ---------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Take octets that the filter sent. Raises MilterFailed."""
        for packet in self._reader.feed(data):
            if self.verdict is not None:
                raise MilterFailed("the filter sent a packet that answers no question")
            self._take(packet)
        if self._reader.fault:
            raise MilterFailed(self._reader.fault)

    def _take(self, packet: Packet) -> None:
        if self._terms is None:
            self._terms = agree(self._offer, parse_options(packet))
            self.verdict = GO_ON
            return
        reply = parse_reply(packet)
        if reply is BareReply.PROGRESS:
            return
        if isinstance(reply, BareReply | ReplyCode):
            self.verdict = self._take_answer(reply)
        elif self._collector is not None:
            self._collector.add(reply)
        else:
            raise MilterFailed("the filter changes the message before its end")

    def _take_answer(self, answer: MilterAnswer) -> MilterVerdict:
        """Return the verdict of an answer, and remember it as far as it is final."""
        verdict = verdict_of(answer)
        stage = self.asked
        if verdict == DISCARD and stage in _CONNECTION_STAGES:
            return GO_ON  # there is no message to discard; Postfix goes on too
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
        if stage in _CONNECTION_STAGES:
            self._connection = verdict
        elif verdict.decision is not MilterDecision.REFUSE or stage not in _RECIPIENT_STAGES:
            self._message = verdict
