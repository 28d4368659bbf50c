"""A milter in the chain of filters: one connection to it for each client, as mail servers do.

The milter hears of everything in SMTP's order, whatever the chain's tags kept from it before: what
it missed is said first. A connection that failed is not tried again for the same client, so that
no client waits twice for a milter that is not there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from zope.interface import implementer

from mailhost import __version__
from mailhost.concurrency.threads import InThread
from mailhost.interfaces.filters import FilterFailed, ISessionFilter, IVisit
from mailhost.interfaces.verdict import PASS, Decision, Mail, Stage, Verdict, discard, edit
from mailhost.message.client import Client
from mailhost.message.content import Content
from mailhost.message.envelope import Body, Envelope, ForwardPath
from mailhost.milter import client as milter
from mailhost.milter.client import MilterClient, MilterTimeouts
from mailhost.milter.codec import MilterFailed
from mailhost.milter.editing import edited, edited_envelope
from mailhost.milter.edits import Edits
from mailhost.milter.macros import of_client, of_host, of_recipient, of_sender
from mailhost.milter.verdict import GO_ON, MilterDecision, MilterVerdict, printable

T = TypeVar("T")
Keep = Callable[[Content], Awaitable[Content]]


@dataclass(frozen=True, slots=True)
class MilterContext:
    """The services and settings that all connections to one milter share.

    `keep` puts a large new message into a file.
    """

    endpoint: IStreamClientEndpoint
    clock: IReactorTime
    timeouts: MilterTimeouts
    hostname: str
    in_thread: InThread
    keep: Keep


@implementer(ISessionFilter)
class MilterFilter:
    """Somebody else's filter."""

    stages = tuple(Stage)

    def __init__(self, context: MilterContext) -> None:
        self._context = context

    def visit(self, client: Client) -> IVisit:
        return MilterVisit(self._context)


@implementer(IVisit)
class MilterVisit:
    """One client's connection to the milter, made when it is first asked."""

    stages = tuple(Stage)

    def __init__(self, context: MilterContext) -> None:
        self._context = context
        self._milter: MilterClient | None = None
        self._failed = ""
        self._gone = False
        self._hello: str | None = None  # what the milter heard of
        self._sender = False
        self._recipients: list[ForwardPath] = []

    async def look(self, mail: Mail) -> Verdict:
        if self._failed:
            raise FilterFailed(self._failed)
        try:
            return await self._look(mail)
        except BaseException as error:
            self._failed = str(error) or "given up"
            self.leave()
            if isinstance(error, MilterFailed):
                raise FilterFailed(str(error)) from error
            raise

    def abandon(self) -> None:
        self._forget()
        if self._milter is not None and self._milter.gone is None:
            self._milter.abort()

    def leave(self) -> None:
        self._gone = True
        if self._milter is not None:
            self._milter.quit()

    def _forget(self) -> None:
        self._sender = False
        self._recipients.clear()

    # --- commands to the milter, in order --------------------------------------------------------

    async def _look(self, mail: Mail) -> Verdict:
        if mail.stage is Stage.SENDER:
            self._forget()
        verdict = await self._catch_up(mail)
        if mail.stage is Stage.MESSAGE:
            if verdict.decision is not MilterDecision.REFUSE:
                return await self._message(mail)
            self._forget()
        if verdict.decision is MilterDecision.DISCARD:
            return PASS  # it is sent at the end, for the whole message
        return of_milter(verdict)

    async def _catch_up(self, mail: Mail) -> MilterVerdict:
        """Say all that the milter has not heard of, up to this stage; return its last verdict, or
        that on the first recipient whom it refuses: with one it is too late for a message that is
        there. A client may ask again for one that was refused."""
        values = self._values(mail)
        if self._milter is None:
            verdict = await self._begin(mail.client, values)
        else:
            verdict = GO_ON
        milter = self._milter
        assert milter is not None
        if mail.stage >= Stage.HELLO and (
            mail.stage is Stage.HELLO or self._hello != mail.client.hello
        ):
            self._hello = mail.client.hello
            verdict = await milter.hello(mail.client.hello, values)
        if mail.stage >= Stage.SENDER and not self._sender:
            self._sender = True
            envelope = mail.envelope
            verdict = await milter.mail(envelope.reverse_path, parameters(envelope), values)
        for path in self._unheard(mail):
            self._recipients.append(path)
            now = values | of_recipient(path.address)
            verdict = await milter.recipient(path.address, (), now)
            if verdict.decision is MilterDecision.REFUSE:
                break
        return verdict

    def _unheard(self, mail: Mail) -> Sequence[ForwardPath]:
        """The recipients that the milter is to be asked about."""
        if mail.stage is Stage.RECIPIENT and mail.recipient is not None:
            return [mail.recipient]
        some = mail.envelope.recipients if mail.stage is Stage.MESSAGE else ()
        return [path for path in some if path not in self._recipients]

    async def _begin(self, client: Client, values: dict[str, str]) -> MilterVerdict:
        here = self._context
        connected = await milter.connect(here.endpoint, here.clock, timeouts=here.timeouts)
        self._milter = connected
        if self._gone:
            connected.quit()
            raise MilterFailed("the client is gone")
        return await connected.begin(client, values)

    async def _message(self, mail: Mail) -> Verdict:
        milter, values = self._milter, self._values(mail)
        assert milter is not None
        edits = Edits()
        verdict = await milter.data(values)
        if verdict.decision in (MilterDecision.GO_ON, MilterDecision.SKIP):
            in_thread = None if mail.content.in_memory else self._context.in_thread
            verdict, edits = await milter.message(mail.content, values, in_thread)
        self._forget()
        if verdict.decision in (MilterDecision.REFUSE, MilterDecision.DISCARD) or not edits:
            return of_milter(verdict)
        return await self._changed(mail, edits)

    async def _changed(self, mail: Mail, edits: Edits) -> Verdict:
        changed = mail
        if edits.changes:
            content = await self._read(mail.content, lambda: edited(mail.content, edits))
            content = await self._context.keep(content)
            changed = mail.containing(content).within(edited_envelope(mail.envelope, edits))
        if edits.quarantine is not None:
            reason = printable(edits.quarantine) or "a milter wants it to be held"
            return Verdict(Decision.QUARANTINE, reason, mail=changed)
        return edit(changed, f"{len(edits.changes)} changes")

    async def _read(self, content: Content, work: Callable[[], T]) -> T:
        return work() if content.in_memory else await self._context.in_thread(work)

    def _values(self, mail: Mail) -> dict[str, str]:
        values = of_host(self._context.hostname, f"mailhost {__version__}")
        values |= of_client(mail.client)
        if mail.stage >= Stage.SENDER:
            values |= of_sender(mail.envelope.reverse_path)
        if mail.identity:
            values["i"] = mail.identity
        return values


def of_milter(verdict: MilterVerdict) -> Verdict:
    """Return a milter's verdict as the chain has them."""
    if verdict.decision is MilterDecision.DISCARD:
        return discard("the milter discards it")
    if verdict.status is None:
        return PASS
    kind = Decision.REJECT if verdict.status.permanent else Decision.DEFER
    return Verdict(kind, verdict.status.text, verdict.status)


def parameters(envelope: Envelope) -> Sequence[str]:
    """Return MAIL's parameters, as a client writes them."""
    given = []
    if envelope.size:
        given.append(f"SIZE={envelope.size}")
    if envelope.body is not Body.SEVEN_BIT:
        given.append(f"BODY={envelope.body}")
    if envelope.smtputf8:
        given.append("SMTPUTF8")
    return given
