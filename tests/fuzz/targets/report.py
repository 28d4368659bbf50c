"""Reports about mail that another host refused: the first line of a case is what that host said,
the second an original recipient, the rest the message (RFC 3464)."""

from __future__ import annotations

from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.dsn import LONGEST_LINE, RecipientReport, Report, compose, delivery_status
from mailhost.message.header import fields
from tests.message.reports import parts

SUE = Address("sue", "far.example")


def target(data: bytes) -> None:
    said, _, rest = data.partition(b"\n")
    original, _, message = rest.partition(b"\n")
    for international in (False, True):
        one = RecipientReport(
            SUE,
            "failed",
            "5.1.1",
            said.decode("utf-8", "replace"),
            remote="mx.far.example",
            original=f"rfc822;{original.decode('utf-8', 'replace')}",
        )
        report = Report(
            "us.example",
            SUE,
            "Not delivered",
            "Your message was not delivered.",
            (one,),
            Content((message.replace(b"\n", b"\r\n"),)),
            whole=True,
            international=international,
        )
        _check_status(delivery_status(report), international)
        octets = compose(report).read()
        parts(octets)  # reads it with Python's own package
        assert all(len(line) <= LONGEST_LINE for line in octets.split(b"\r\n"))


def _check_status(octets: bytes, international: bool) -> None:
    """Two groups of fields, whatever the host said."""
    assert octets.count(b"\r\n\r\n") == 1
    assert international or octets.isascii()
    per_message, _, recipient = octets.partition(b"\r\n\r\n")
    names = [each.name for each in fields(recipient)]
    assert names.count(b"Diagnostic-Code") <= 1
    assert names.count(b"Final-Recipient") == 1
    assert len(list(fields(per_message))) == 1
