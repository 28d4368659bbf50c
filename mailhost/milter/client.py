"""The I/O of a connection to a filter: questions are sent, and answers awaited within timeouts.

`session` decides which packets are sent. Every fault raises MilterFailed, and the connection is
unusable then: every later question raises the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

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
from mailhost.milter.macros import MacroValues
from mailhost.milter.negotiation import OFFER, MilterOptions, NegotiatedTerms
from mailhost.milter.questions import body_of, connect_of, header_of
from mailhost.milter.session import MilterSession
from mailhost.milter.verdict import GO_ON, MilterDecision, MilterVerdict
from mailhost.net.connect import ConnectFailed
from mailhost.net.connect import connect as connect_protocol

_CONTENT_STAGES = (stages.HEADER, stages.END_OF_HEADER, stages.BODY, stages.END_OF_BODY)
CLOSE_TIMEOUT = 10.0  # seconds that the filter has to read the last packets


@dataclass(frozen=True, slots=True)
class MilterTimeouts:
    """Seconds, as in Postfix: up to the answer to CONNECT, for each command, and for each packet of
    content. PROGRESS from the filter starts a timeout again, but no answer may take more than
    `longest`."""

    connect: float = 30.0
    command: float = 30.0
    content: float = 300.0
    longest: float = 1800.0

    def of(self, stage: stages.MilterStage) -> float:
        """Return the seconds that a filter may be silent at a stage."""
        if stage in (stages.NEGOTIATION, stages.CONNECT):
            return self.connect
        return self.content if stage in _CONTENT_STAGES else self.command


DEFAULT_TIMEOUTS = MilterTimeouts()


async def connect(
    endpoint: IStreamClientEndpoint,
    clock: IReactorTime,
    offer: MilterOptions = OFFER,
    timeouts: MilterTimeouts = DEFAULT_TIMEOUTS,
) -> MilterClient:
    """Return a connection to the filter, on which the negotiation is done. Raises MilterFailed."""
    client = MilterClient(clock, MilterSession(offer), timeouts)
    try:
        await connect_protocol(endpoint, client, clock, timeouts.connect)
    except ConnectFailed as failed:
        raise MilterFailed(f"no connection to the filter: {failed}") from failed
    await client.negotiate()
    return client


@implementer(IPushProducer)
class MilterClient(Protocol):
    """One connection to a filter. Questions are asked one at a time, in the order of SMTP; `values`
    are the macros that are known at that time (see `macros`).

    Every question raises MilterFailed, and ValueError if it is out of order. `gone` is the reason
    why the connection is unusable, None while it is usable.
    """

    def __init__(
        self, clock: IReactorTime, session: MilterSession, timeouts: MilterTimeouts
    ) -> None:
        self._clock = clock
        self._session = session
        self._timeouts = timeouts
        self._waiting: Deferred[None] | None = (
            None  # for an answer, or until the transport takes more octets
        )
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
        """Negotiate the terms of the connection."""
        await self._answer(self._session.negotiate())

    async def begin(self, client: Client, values: MacroValues, name: str = "") -> MilterVerdict:
        """Report a new client. `name` is its host name, verified in DNS in both directions."""
        return await self._ask(connect_of(client, name), values)

    async def hello(self, name: str, values: MacroValues) -> MilterVerdict:
        """Report HELO or EHLO, also a second one after STARTTLS."""
        return await self._ask(HeloCommand(name), values)

    async def mail(
        self, sender: Address | None, parameters: Sequence[str], values: MacroValues
    ) -> MilterVerdict:
        """Report MAIL FROM, with its parameters as the client sent them."""
        return await self._ask(MailCommand(f"<{sender or ''}>", tuple(parameters)), values)

    async def recipient(
        self, recipient: Address, parameters: Sequence[str], values: MacroValues
    ) -> MilterVerdict:
        """Report RCPT TO. A refusal is for this recipient only."""
        return await self._ask(RcptCommand(f"<{recipient}>", tuple(parameters)), values)

    async def data(self, values: MacroValues) -> MilterVerdict:
        """Report DATA, after at least one recipient."""
        return await self._ask(BareCommand.DATA, values)

    async def message(
        self, content: Content, values: MacroValues, in_thread: InThread | None = None
    ) -> tuple[MilterVerdict, Edits]:
        """Send the whole message, and return the filter's verdict and its edits. The content is
        read by `in_thread`, which is None if the content is in memory.

        Raises OSError if the content cannot be read; `abort` must be called then.
        """
        section = await in_thread(content.header) if in_thread else content.header()
        if (
            len(section) >= HEADER_LIMIT
        ):  # the rest is unknown, so an edit might be made in the middle
            raise MilterFailed("the header is larger than a filter can be shown")
        verdict = await self._ask_all(header_of(section, self.terms), values)
        if verdict.decision in (MilterDecision.GO_ON, MilterDecision.SKIP):
            verdict = await self._ask(BareCommand.END_OF_HEADER, values)
        if verdict.decision in (MilterDecision.GO_ON, MilterDecision.SKIP) and self.terms.wants(
            stages.BODY
        ):
            verdict = await self._body(body_of(content, section), values, in_thread)
        if verdict.decision in (MilterDecision.GO_ON, MilterDecision.SKIP):
            verdict = await self._ask(BareCommand.END_OF_BODY, values)
        return verdict, self._session.edits

    async def _ask_all(self, questions: Iterator[Question], values: MacroValues) -> MilterVerdict:
        """Ask the questions one after another, as long as the answer is to go on."""
        verdict = GO_ON
        for question in questions:
            verdict = await self._ask(question, values)
            if verdict.decision is not MilterDecision.GO_ON:
                break
        return verdict

    async def _body(
        self, parts: Iterator[BodyCommand], values: MacroValues, in_thread: InThread | None
    ) -> MilterVerdict:
        if in_thread is None:
            return await self._ask_all(parts, values)
        verdict = GO_ON
        while (part := await in_thread(lambda: next(parts, None))) is not None:
            verdict = await self._ask(part, values)
            if verdict.decision is not MilterDecision.GO_ON:
                break
        return verdict

    # --- ends ------------------------------------------------------------------------------------

    def abort(self) -> None:
        """End the message. If an answer is awaited, the connection is closed too."""
        if self._session.verdict is None:
            self._break(MilterFailed("aborted by the mail server"))
        else:
            self._write(self._session.abort())

    def quit(self) -> None:
        """Send QUIT and close the connection, unless it is closed already."""
        if self.gone is None:
            self._write(self._session.quit())
            IConsumer(self._tcp, cast(IConsumer, self._tcp)).unregisterProducer()
            self._fail(MilterFailed("closed"))
            self._closing = self._clock.callLater(CLOSE_TIMEOUT, self._tcp.abortConnection)
            self._tcp.loseConnection()

    # --- called by the transport -----------------------------------------------------------------

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
            self._check_wait()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._closing is not None and self._closing.active():
            self._closing.cancel()
        text = f"the filter closed the connection after {self._session.asked.text}"
        self._fail(MilterFailed(f"{text}: {reason.getErrorMessage()}"))

    def pauseProducing(self) -> None:
        self._throttled = True

    def resumeProducing(self) -> None:
        self._throttled = False
        self._check_wait()

    def stopProducing(self) -> None:
        self._throttled = False

    # --- waits and ends --------------------------------------------------------------------------

    async def _ask(self, question: Question, values: MacroValues) -> MilterVerdict:
        """Send a question, and return the verdict once the filter has answered and the transport
        takes more octets."""
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
        if not self._answered:
            self._waiting = Deferred()
            self._deadline = self._clock.seconds() + self._timeouts.longest
            self._timer = self._clock.callLater(self._time_left, self._time_out)
            await self._waiting
        return self._session.verdict or GO_ON

    @property
    def _answered(self) -> bool:
        return self._session.verdict is not None and not self._throttled

    @property
    def _time_left(self) -> float:
        left = self._deadline - self._clock.seconds()
        return max(min(self._timeouts.of(self._session.asked), left), 0.0)

    def _check_wait(self) -> None:
        """End the wait if the answer is there; otherwise start its timeout again."""
        if self._waiting is None:
            return
        if self._answered:
            self._stop_waiting().callback(None)
        elif self._timer is not None:
            self._timer.reset(self._time_left)

    def _time_out(self) -> None:
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
        """Fail the question that waits. Only the first reason is kept."""
        if self.gone is None:
            self.gone = failed
        if self._waiting is not None:
            self._stop_waiting().errback(self.gone)
