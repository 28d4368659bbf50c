"""The messages of an APPEND while they arrive (RFC 9051 §6.3.12, MULTIAPPEND of RFC 3502)."""

from __future__ import annotations

from mailhost.imap.completion import Completion, no, ok, refused, refused_target
from mailhost.imap.context import Context
from mailhost.imap.grammar.commands_mailbox import Append
from mailhost.imap.grammar.reader import Octets
from mailhost.imap.grammar.response import append_uid
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.folders import NewMessage, StoreRefusal
from mailhost.message.content import Content, ContentWriter
from mailhost.message.status import Status


class Appending:
    """Each message is collected in memory while it is small, else in a file. Where the disk fails,
    the rest of the command is read and thrown away, and then refused."""

    def __init__(self, context: Context, tag: bytes) -> None:
        self.tag = tag
        self._context = context
        self._writer: ContentWriter | None = None
        self._contents: list[Content] = []
        self._fault: OSError | None = None

    def announced(self, command: Append) -> Completion | None:
        """The next message is announced. Returns why it is refused, before it is sent."""
        options = self._context.options
        if not command.messages[-1].size:  # RFC 3502 §3: a client cancels APPEND by that
            return no("A message has at least one octet; nothing was added")
        if command.messages[-1].size > options.append_limit:
            return no(f"A message may have {options.append_limit} octets here", b"TOOBIG")
        self._writer = ContentWriter(options.folder, options.message_memory)
        return None

    def octets(self, event: Octets) -> Answer[bool]:
        """Some octets of the message."""
        if self._fault is not None:
            return True
        writer = self._writer
        assert writer is not None
        if writer.add(event.data):
            return self._spill(writer, event.last)
        if event.last:
            return self._message_ended(writer)
        return True

    async def _spill(self, writer: ContentWriter, last: bool) -> bool:
        try:
            await self._context.in_thread(writer.spill)
        except OSError as fault:
            self._failed(fault)
            return True
        if last:
            await self._finished(writer)
        return True

    def _message_ended(self, writer: ContentWriter) -> Answer[bool]:
        if writer.on_disk:
            return self._finished(writer)
        self._contents.append(writer.finish())
        self._writer = None
        return True

    async def _finished(self, writer: ContentWriter) -> bool:
        try:
            self._contents.append(await self._context.in_thread(writer.finish))
        except OSError as fault:
            self._failed(fault)
        self._writer = None
        return True

    def _failed(self, fault: OSError) -> None:
        self._fault = fault
        self.drop()

    def drop(self) -> None:
        """Forget what was sent."""
        self._writer = None
        self._contents.clear()

    async def finish(self, command: Append) -> Completion:
        """All are there: add them to the mailbox."""
        context = self._context
        if self._fault is not None:
            text = "The message cannot be stored now; please try again later"
            context.refused("message", Status(452, "4.3.1", text, str(self._fault)))
            return no(text, b"UNAVAILABLE")
        messages = [
            NewMessage(content, message.flags, message.date)
            for content, message in zip(self._contents, command.messages, strict=True)
        ]
        folder = context.appended_to.get(command.mailbox)
        added = None if folder is None else await folder.add(messages)
        if folder is None or added is None or isinstance(added, StoreRefusal):
            opened = await context.mail.open(command.mailbox)  # another one may have the name now
            if isinstance(opened, StoreRefusal):
                return refused_target(opened)
            folder, added = opened, await opened.add(messages)
        if isinstance(added, StoreRefusal):
            return refused(added)
        context.appended_to = {command.mailbox: folder}
        if context.selected is not None and context.selected.folder.name == folder.name:
            context.selected.changed = True
        return ok("Message added", append_uid(added.uid_validity, added.uids))
