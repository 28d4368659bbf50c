"""A milter as a filter of the chain: one connection for each client, as in other mail servers.

The milter is asked in the order of SMTP. If the tags of the chain kept earlier stages from the
milter, these are sent first. After a fault the milter is not tried again for the same client, so
that no client waits twice for a milter that does not answer.
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

    `keep` writes an edited message to a file if it is large, and returns its content.
    """

    endpoint: IStreamClientEndpoint
    clock: IReactorTime
    timeouts: MilterTimeouts
    hostname: str
    in_thread: InThread
    keep: Keep


@implementer(ISessionFilter)
class MilterFilter:
    """The filter that asks a milter."""

    stages = tuple(Stage)

    def __init__(self, context: MilterContext) -> None:
        self._context = context

    def visit(self, client: Client) -> IVisit:
        return MilterVisit(self._context)


@implementer(IVisit)
class MilterVisit:
    """The connection of one client to the milter. It is opened at the first question."""

    stages = tuple(Stage)

    def __init__(self, context: MilterContext) -> None:
        self._context = context
        self._milter: MilterClient | None = None
        self._failed = ""
        self._gone = False
        self._hello: str | None = None  # the name that was sent to the milter
        self._sender = False
        self._recipients: list[ForwardPath] = []

    async def look(self, mail: Mail) -> Verdict:
        if self._failed:
            raise FilterFailed(self._failed)
        try:
            return await self._ask_at_stage(mail)
        except BaseException as error:
            self._failed = str(error) or "aborted"
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

    async def _ask_at_stage(self, mail: Mail) -> Verdict:
        if mail.stage is Stage.SENDER:
            self._forget()
        verdict = await self._send_missing(mail)
        if mail.stage is Stage.MESSAGE:
            if verdict.decision is not MilterDecision.REFUSE:
                return await self._message(mail)
            self._forget()
        if verdict.decision is MilterDecision.DISCARD:
            return PASS  # the session repeats DISCARD at the end of the message
        return of_milter(verdict)

    async def _send_missing(self, mail: Mail) -> MilterVerdict:
        """Send all stages that the milter was not asked about yet, up to the present one. Return
        the last verdict, or the verdict on the first recipient that is refused: at the end of a
        message it is too late to refuse only one. A client may repeat a refused recipient."""
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
        for path in self._missing_recipients(mail):
            self._recipients.append(path)
            now = values | of_recipient(path.address)
            verdict = await milter.recipient(path.address, (), now)
            if verdict.decision is MilterDecision.REFUSE:
                break
        return verdict

    def _missing_recipients(self, mail: Mail) -> Sequence[ForwardPath]:
        """Return the recipients that the milter must be asked about."""
        if mail.stage is Stage.RECIPIENT and mail.recipient is not None:
            return [mail.recipient]
        paths = mail.envelope.recipients if mail.stage is Stage.MESSAGE else ()
        return [path for path in paths if path not in self._recipients]

    async def _begin(self, client: Client, values: dict[str, str]) -> MilterVerdict:
        context = self._context
        connected = await milter.connect(context.endpoint, context.clock, timeouts=context.timeouts)
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
    """Return the verdict of a milter as a verdict of the chain."""
    if verdict.decision is MilterDecision.DISCARD:
        return discard("the milter discards it")
    if verdict.status is None:
        return PASS
    kind = Decision.REJECT if verdict.status.permanent else Decision.DEFER
    return Verdict(kind, verdict.status.text, verdict.status)


def parameters(envelope: Envelope) -> Sequence[str]:
    """Return the parameters of MAIL in the syntax of a client's command."""
    parameters_of_mail = []
    if envelope.size:
        parameters_of_mail.append(f"SIZE={envelope.size}")
    if envelope.body is not Body.SEVEN_BIT:
        parameters_of_mail.append(f"BODY={envelope.body}")
    if envelope.smtputf8:
        parameters_of_mail.append("SMTPUTF8")
    return parameters_of_mail
