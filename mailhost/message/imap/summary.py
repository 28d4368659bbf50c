"""All that a cache keeps of one message for IMAP, made in one pass over it.

From a Summary a server answers ENVELOPE, BODY, BODYSTRUCTURE, PREVIEW, most of HEADER.FIELDS, SORT
and THREAD, and finds the octets of each section, without reading the message.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailhost.message.date import SentDate, parse_date
from mailhost.message.imap.address_lists import ListedAddress
from mailhost.message.imap.body_structure import body_structures
from mailhost.message.imap.envelope import read_envelope, write_envelope
from mailhost.message.imap.header_fields import LONGEST, HeaderFields
from mailhost.message.imap.headers import KEPT, kept_fields
from mailhost.message.imap.object_ids import object_id
from mailhost.message.imap.part_offsets import encode_parts, read_parts
from mailhost.message.imap.preview import preview
from mailhost.message.imap.reader import MemoryReader, Reader, octets_of
from mailhost.message.imap.strings import text_of
from mailhost.message.imap.threads import base_subject, message_ids


@dataclass(frozen=True, slots=True)
class Summary:
    """The data that IMAP needs of a message without reading it.

    `envelope`, `body` and `body_structure` are as they go over the wire, 8-bit octets in literals.
    `parts` is read by `decode_parts`, `head` by `headers.answer_from`. `preview` is text. `size` is
    in octets with CRLF line ends (RFC822.SIZE).

    For THREAD: `message_id` is empty where there is none, `references` has the identifiers of
    References, or else the first of In-Reply-To; `base_subject` and `is_reply` are those of RFC
    5256 §2.1. For SORT and SEARCH: `sent` is None where the Date field cannot be read. `sort_from`,
    `sort_to` and `sort_cc` are the mailbox of the first address, in upper case.

    `thread_id` is THREADID (RFC 8474): made of the first identifier of References, or else of the
    message's own.
    """

    size: int
    envelope: bytes
    body: bytes
    body_structure: bytes
    parts: bytes
    head: bytes | None
    preview: str
    message_id: str
    references: tuple[str, ...]
    base_subject: str
    is_reply: bool
    sent: SentDate | None
    sort_from: str
    sort_to: str
    sort_cc: str
    thread_id: str


def summary(reader: Reader) -> Summary:
    """Return the summary of a message. Raises OSError where reading it does, nothing else."""
    octets = octets_of(reader)
    if isinstance(octets, bytes):
        reader = MemoryReader(octets)
    root = read_parts(octets)
    header = octets[0 : min(root.body, LONGEST)]
    fields = HeaderFields(header, KEPT)
    envelope = read_envelope(fields)
    body, structure = body_structures(octets, root, fields)
    subject, is_reply = base_subject(envelope.subject)
    answered = message_ids(envelope.in_reply_to)[:1]
    message_id = "".join(message_ids(envelope.message_id)[:1])
    references = message_ids(fields.joined(b"references")) or answered
    written = write_envelope(envelope)
    return Summary(
        size=reader.size,
        envelope=written,
        body=body,
        body_structure=structure,
        parts=encode_parts(root),
        head=kept_fields(header, fields.kept),
        preview=preview(reader, root),
        message_id=message_id,
        references=references,
        base_subject=subject,
        is_reply=is_reply,
        sent=parse_date((envelope.date or b"").decode("latin-1")),
        sort_from=_mailbox(envelope.from_),
        sort_to=_mailbox(envelope.to),
        sort_cc=_mailbox(envelope.cc),
        thread_id=object_id(
            "T", "".join(references[:1]) or message_id or written.decode("latin-1")
        ),
    )


def _mailbox(addresses: list[ListedAddress]) -> str:
    """The mailbox of the first address; of a group it is the name (RFC 5256 §3)."""
    return text_of(addresses[0].mailbox or b"").upper() if addresses else ""
