"""Reads delivery status notifications with the standard library."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage, Message


def parts(report: bytes) -> tuple[EmailMessage, list[EmailMessage]]:
    """Return the report and its three parts. Fails for a report with a defect."""
    message = message_from_bytes(report, policy=policy.SMTPUTF8)
    assert isinstance(message, EmailMessage)
    assert not message.defects, message.defects
    found = list(message.iter_parts())
    assert all(isinstance(part, EmailMessage) and not part.defects for part in found)
    return message, [part for part in found if isinstance(part, EmailMessage)]


def status_fields(report: bytes) -> tuple[Message, list[Message]]:
    """Return the message fields and the recipient fields of the second part."""
    _, (_, status, _) = parts(report)
    groups = status.get_payload()
    if (
        status.get_content_subtype() != "delivery-status"
    ):  # the standard library does not parse other types
        groups = raw_groups(raw_part(report, 1))
    assert isinstance(groups, list)
    first, *others = [group for group in groups if isinstance(group, Message)]
    return first, others


def raw_groups(body: bytes) -> list[Message]:
    """Return the groups of fields between empty lines."""
    groups = body.strip().split(b"\r\n\r\n")
    return [message_from_bytes(group, policy=policy.SMTPUTF8) for group in groups]


def raw_part(report: bytes, number: int) -> bytes:
    """Return the octets of the body of a part."""
    boundary = parts(report)[0].get_boundary()
    assert boundary
    part = report.split(b"\r\n--" + boundary.encode())[number + 1]
    return part.partition(b"\r\n\r\n")[2]
