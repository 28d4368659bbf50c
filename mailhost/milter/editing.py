"""Applies the edits of a filter to a message. All other octets stay as they are.

Fields are numbered as in Sendmail: a removed field keeps its number, and an added field gets one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.header import fields
from mailhost.milter.edits import (
    AddField,
    AddRecipient,
    ChangeField,
    ChangeSender,
    Edits,
    InsertField,
    RemoveRecipient,
    ReplaceBody,
)


def edited(content: Content, edits: Edits) -> Content:
    """Return the message with its header and body edited, or `content` itself if nothing changed.
    Raises OSError if the content cannot be read."""
    section = content.header()
    lines = section if section.endswith(b"\r\n") or not section else section + b"\r\n"
    header = _Header(lines)
    body = rest = content.slice(len(section), content.size)
    for edit in edits.changes:
        match edit:
            case AddField(name, value):
                header.add(name, value)
            case InsertField(index, name, value):
                header.insert(index, name, value)
            case ChangeField(index, name, value):
                header.change(index, name, value)
            case ReplaceBody(octets):
                body = Content((b"\r\n" + octets,))
    after = header.octets()
    return content if after == lines and body is rest else body.after(after)


def edited_envelope(envelope: Envelope, edits: Edits) -> Envelope:
    """Return the envelope with its addresses edited. Parameters of the edits are ignored. A
    recipient that the envelope has already is not added again."""
    for edit in edits.changes:
        match edit:
            case ChangeSender(sender):
                envelope = replace(envelope, reverse_path=sender)
            case RemoveRecipient(recipient):
                paths = envelope.recipients
                envelope = envelope.to([path for path in paths if not _same(path, recipient)])
            case AddRecipient(recipient):
                if not any(_same(path, recipient) for path in envelope.recipients):
                    envelope = envelope.to([*envelope.recipients, ForwardPath(recipient)])
    return envelope


def _same(path: ForwardPath, address: Address) -> bool:
    return (path.address.key, path.address.domain) == (address.key, address.domain)


@dataclass(slots=True)
class _Row:
    """A field. `octets` is empty if the field was removed; `before` are the octets in front of the
    field that belong to no field."""

    name: bytes
    octets: bytes
    before: bytes = b""


class _Header:
    """A header section of whole lines, field by field."""

    def __init__(self, section: bytes) -> None:
        self._rows: list[_Row] = []
        end = 0
        for field in fields(section):
            octets, before = section[field.start : field.end], section[end : field.start]
            self._rows.append(_Row(field.name, octets, before))
            end = field.end
        self._rest = section[end:]

    def add(self, name: bytes, value: bytes) -> None:
        self._rows.append(_row(name, value))

    def insert(self, index: int, name: bytes, value: bytes) -> None:
        self._rows.insert(index, _row(name, value))

    def change(self, index: int, name: bytes, value: bytes | None) -> None:
        named = [row for row in self._rows if row.name.lower() == name.lower()]
        if index <= len(named):
            row = named[index - 1]
            row.octets = b"" if value is None else _row(row.name, value).octets
        elif value is not None:
            self.add(name, value)

    def octets(self) -> bytes:
        return b"".join(row.before + row.octets for row in self._rows) + self._rest


def _row(name: bytes, value: bytes) -> _Row:
    return _Row(name, b"%b:%b\r\n" % (name, value))
