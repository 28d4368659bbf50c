"""A filter at the other end of a connection: questions awaited one by one, within limits of time.

`session` decides what is sent; this file does the I/O. Everything that goes wrong raises
MilterFailed, and the connection is of no more use: every later question raises the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IConsumer,
    IDelayedCall,
    IPushProducer,
    IReactorTime,
    IStreamClientEndpoint,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from mailhost.concurrency.threads import InThread
from mailhost.message.address import Address
from mailhost.message.client import Client
from mailhost.message.content import HEADER_LIMIT, Content
from mailhost.milter import stages
from mailhost.milter.codec import MilterFailed
from mailhost.milter.commands import (
    BareCommand,
    BodyCommand,
    HeloCommand,
    MailCommand,
    Question,
    RcptCommand,
)
from mailhost.milter.edits import Edits
from mailhost.milter.negotiation import OFFER, NegotiatedTerms, Options
from mailhost.milter.questions import body_of, connect_of, header_of
from mailhost.milter.session import MilterSession
from mailhost.milter.verdict import GO_ON, MilterDecision, MilterVerdict
from mailhost.net.connect import ConnectFailed
from mailhost.net.connect import connect as connect_protocol

Values: TypeAlias = Mapping[str, str]
_OF_CONTENT = (stages.HEADER, stages.END_OF_HEADER, stages.BODY, stages.END_OF_BODY)
CLOSING = 10.0  # seconds that the filter has to read our last packets


@dataclass(frozen=True, slots=True)
class MilterTimeouts:
    """Seconds, as with Postfix: for the connection up to the answer to CONNECT, for each command,
    for each part of the content. A filter that says that it is still at work starts the time
    anew, but none answers later than after `longest`."""

    connect: float = 30.0
    command: float = 30.0
    content: float = 300.0
    longest: float = 1800.0

    def of(self, stage: stages.MilterStage) -> float:
        """How long a filter may be silent at a stage."""
        if stage in (stages.NEGOTIATION, stages.CONNECT):
            return self.connect
        return self.content if stage in _OF_CONTENT else self.command


USUAL_TIMEOUTS = MilterTimeouts()


async def connect(
    endpoint: IStreamClientEndpoint,
    clock: IReactorTime,
    offer: Options = OFFER,
    timeouts: MilterTimeouts = USUAL_TIMEOUTS,
) -> MilterClient:
    """Connect and negotiate. Raises MilterFailed."""
    client = MilterClient(clock, MilterSession(offer), timeouts)
    try:
        await connect_protocol(endpoint, client, clock, timeouts.connect)
    except ConnectFailed as failed:
        raise MilterFailed(f"no connection to the filter: {failed}") from failed
    await client.negotiate()
    return client


@implementer(IPushProducer)
class MilterClient(Protocol):
    """One connection to a filter. Questions go in SMTP's order, one at a time; `values` are the
    macros known by then (`macros`). `gone` is why the connection is of no more use.

    Every question raises MilterFailed, and ValueError out of order.
    """

    def __init__(
        self, clock: IReactorTime, session: MilterSession, timeouts: MilterTimeouts
    ) -> None:
        self._clock = clock
        self._session = session
        self._timeouts = timeouts
        self._waiting: Deferred[None] | None = None  # for an answer, or for room to write
        self._deadline = 0.0
        self._timer: IDelayedCall | None = None
        self._closing: IDelayedCall | None = None
        self._throttled = False
        self.gone: MilterFailed | None = None

    @property
    def terms(self) -> NegotiatedTerms:
        """The result of the negotiation."""
        return self._session.terms

    # --- the questions ---------------------------------------------------------------------------

    async def negotiate(self) -> None:
        """Agree on the terms."""
        await self._answer(self._session.negotiate())

    async def begin(self, client: Client, values: Values, name: str = "") -> MilterVerdict:
        """A client connected; `name` is its host's where DNS says so both ways."""
        return await self._ask(connect_of(client, name), values)

    async def hello(self, name: str, values: Values) -> MilterVerdict:
        """HELO or EHLO, also a second one after STARTTLS."""
        return await self._ask(HeloCommand(name), values)

    async def mail(
        self, sender: Address | None, parameters: Sequence[str], values: Values
    ) -> MilterVerdict:
        """MAIL FROM, with parameters as they came."""
        return await self._ask(MailCommand(f"<{sender or ''}>", tuple(parameters)), values)

    async def recipient(
        self, recipient: Address, parameters: Sequence[str], values: Values
    ) -> MilterVerdict:
        """RCPT TO. A refusal is this recipient's alone."""
        return await self._ask(RcptCommand(f"<{recipient}>", tuple(parameters)), values)

    async def data(self, values: Values) -> MilterVerdict:
        """DATA, after at least one recipient."""
        return await self._ask(BareCommand.DATA, values)

    async def message(
        self, content: Content, values: Values, in_thread: InThread | None = None
    ) -> tuple[MilterVerdict, Edits]:
        """The whole message, and what the filter makes of it. `in_thread` reads it, None where it
        is in memory.

        Raises OSError where the content cannot be read; `abort` then.
        """
        section = await in_thread(content.header) if in_thread else content.header()
        if len(section) >= HEADER_LIMIT:  # the rest is unknown, and edits would go into its middle
            raise MilterFailed("the header is larger than a filter can be shown")
        verdict = await self._all(header_of(section, self.terms), values)
        if verdict.decision in (MilterDecision.GO_ON, MilterDecision.SKIP):
            verdict = await self._ask(BareCommand.END_OF_HEADER, values)
        if verdict.decision in (MilterDecision.GO_ON, MilterDecision.SKIP) and self.terms.wants(
            stages.BODY
        ):
            verdict = await self._body(body_of(content, section), values, in_thread)
        if verdict.decision in (MilterDecision.GO_ON, MilterDecision.SKIP):
            verdict = await self._ask(BareCommand.END_OF_BODY, values)
        return verdict, self._session.edits

    async def _all(self, questions: Iterator[Question], values: Values) -> MilterVerdict:
        """Ask one after the other, as long as the filter lets them go on."""
        verdict = GO_ON
        for question in questions:
            verdict = await self._ask(question, values)
            if verdict.decision is not MilterDecision.GO_ON:
                break
        return verdict

    async def _body(
        self, parts: Iterator[BodyCommand], values: Values, in_thread: InThread | None
    ) -> MilterVerdict:
        if in_thread is None:
            return await self._all(parts, values)
        verdict = GO_ON
        while (part := await in_thread(lambda: next(parts, None))) is not None:
            verdict = await self._ask(part, values)
            if verdict.decision is not MilterDecision.GO_ON:
                break
        return verdict

    # --- ends ------------------------------------------------------------------------------------

    def abort(self) -> None:
        """Forget the message. Where an answer is owed still, the connection goes too."""
        if self._session.verdict is None:
            self._break(MilterFailed("given up"))
        else:
            self._write(self._session.abort())

    def quit(self) -> None:
        """Say goodbye and close. Does nothing where the connection is gone."""
        if self.gone is None:
            self._write(self._session.quit())
            IConsumer(self._tcp, cast(IConsumer, self._tcp)).unregisterProducer()
            self._fail(MilterFailed("closed"))
            self._closing = self._clock.callLater(CLOSING, self._tcp.abortConnection)
            self._tcp.loseConnection()

    # --- what the transport reports --------------------------------------------------------------

    def connectionMade(self) -> None:
        self._tcp = cast(ITCPTransport, self.transport)
        IConsumer(self._tcp, cast(IConsumer, self._tcp)).registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:
        if self.gone is not None:
            return
        try:
            self._session.receive(data)
        except MilterFailed as failed:
            self._break(failed)
        else:
            self._wake()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._closing is not None and self._closing.active():
            self._closing.cancel()
        text = f"the filter hung up after {self._session.asked.text}"
        self._fail(MilterFailed(f"{text}: {reason.getErrorMessage()}"))

    def pauseProducing(self) -> None:
        self._throttled = True

    def resumeProducing(self) -> None:
        self._throttled = False
        self._wake()

    def stopProducing(self) -> None:
        self._throttled = False

    # --- inside ----------------------------------------------------------------------------------

    async def _ask(self, question: Question, values: Values) -> MilterVerdict:
        """Ask, and return the verdict once it is there. Content goes at the filter's pace."""
        if self.gone is not None:
            raise self.gone
        try:
            data = self._session.notify(question, values)
        except MilterFailed as failed:
            self._break(failed)
            raise
        return await self._answer(data)

    async def _answer(self, data: bytes) -> MilterVerdict:
        self._write(data)
        if self.gone is not None:
            raise self.gone
        if not self._settled:
            self._waiting = Deferred()
            self._deadline = self._clock.seconds() + self._timeouts.longest
            self._timer = self._clock.callLater(self._patience, self._late)
            await self._waiting
        return self._session.verdict or GO_ON

    @property
    def _settled(self) -> bool:
        return self._session.verdict is not None and not self._throttled

    @property
    def _patience(self) -> float:
        left = self._deadline - self._clock.seconds()
        return max(min(self._timeouts.of(self._session.asked), left), 0.0)

    def _wake(self) -> None:
        """Something moved: the answer is there, or there is new hope for it."""
        if self._waiting is None:
            return
        if self._settled:
            self._stop_waiting().callback(None)
        elif self._timer is not None:
            self._timer.reset(self._patience)

    def _late(self) -> None:
        stage = self._session.asked
        text = f"the filter was silent for {self._timeouts.of(stage):g} s after {stage.text}"
        if self._clock.seconds() >= self._deadline:
            text = f"the filter took {self._timeouts.longest:g} s for {stage.text}"
        self._break(MilterFailed(text))

    def _stop_waiting(self) -> Deferred[None]:
        assert self._waiting is not None
        waiting, self._waiting = self._waiting, None
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        return waiting

    def _write(self, data: bytes) -> None:
        if data and self.gone is None:
            self._tcp.write(data)

    def _break(self, failed: MilterFailed) -> None:
        if self.gone is None:
            self._fail(failed)
            self._tcp.abortConnection()

    def _fail(self, failed: MilterFailed) -> None:
        """Tell whoever waits; the first reason is the one that counts."""
        if self.gone is None:
            self.gone = failed
        if self._waiting is not None:
            self._stop_waiting().errback(self.gone)
