"""The arguments of HELO, MAIL, RCPT and BDAT, one command a line (RFC 5321 §4.1, RFC 3461)."""

from __future__ import annotations

from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.status import Status
from mailhost.smtp.client.sending import (
    LONGEST_ENVID,
    LONGEST_ORCPT,
    encode_xtext,
    mail_command,
    rcpt_command,
)
from mailhost.smtp.grammar import LONGEST_ORCPT as LONGEST_DECODED
from mailhost.smtp.server.command import (
    BadCommand,
    parse_chunk,
    parse_hello,
    parse_mail,
    parse_rcpt,
)
from mailhost.smtp.server.reply import encode_reply

EVERYTHING = dict.fromkeys(("SIZE", "8BITMIME", "SMTPUTF8", "DSN", "CHUNKING", "BINARYMIME"), "")

LONGEST_ENCODED = 10  # octets of a character: \x{10FFFF}


def target(data: bytes) -> None:
    for line in data.split(b"\n")[:50]:
        verb, _, arguments = line.removesuffix(b"\r").partition(b" ")
        try:
            _read(verb.upper(), arguments)
        except BadCommand as bad:
            _check_refusal(bad.status)


def _read(verb: bytes, arguments: bytes) -> None:
    if verb == b"MAIL":
        _check_sent_mail(parse_mail(arguments))
    elif verb == b"RCPT":
        _check_sent_rcpt(parse_rcpt(arguments, smtputf8=True))
        if not arguments.isascii():
            _check_refused(arguments)
    elif verb == b"BDAT":
        assert 0 <= parse_chunk(arguments).size < 10**20
    else:
        name = parse_hello(b"EHLO", arguments, lmtp=False)
        assert 0 < len(name) <= 255
        assert not set(name) & set("\r\n\0 "), name


def _check_refusal(status: Status) -> None:
    """A refusal is permanent, and a reply can say it."""
    assert status.permanent
    assert encode_reply(status).count(b"\r\n") == 1


def _check_refused(arguments: bytes) -> None:
    """Without SMTPUTF8 nothing outside ASCII is accepted."""
    try:
        parse_rcpt(arguments, smtputf8=False)
    except BadCommand:
        return
    raise AssertionError(arguments)


def _check_sent_mail(envelope: Envelope) -> None:
    """The command that we would send on is read as the same envelope."""
    size = envelope.size
    command = mail_command(envelope, EVERYTHING, size, envelope.smtputf8)
    again = parse_mail(command.partition(b" ")[2])
    assert not set(command) & set(b"\r\n\0"), command
    assert str(again.reverse_path) == str(envelope.reverse_path)
    assert again.reverse_path == envelope.reverse_path
    assert (again.size, again.body, again.smtputf8, again.returns) == (
        envelope.size,
        envelope.body,
        envelope.smtputf8,
        envelope.returns,
    )
    if len(encode_xtext(envelope.envelope_id)) <= LONGEST_ENVID:
        assert again.envelope_id == envelope.envelope_id


def _check_sent_rcpt(path: ForwardPath) -> None:
    command = rcpt_command(path, EVERYTHING)
    again = parse_rcpt(command.partition(b" ")[2], smtputf8=True)
    assert not set(command) & set(b"\r\n\0"), command
    assert str(again.address) == str(path.address)
    assert (again.address, again.notify) == (path.address, path.notify)
    assert path.original.isprintable()
    assert len(path.original) <= LONGEST_DECODED + 100
    # one that is too long when it is encoded is left out
    assert again.original in ("", path.original), (again.original, path.original)
    assert (
        again.original or LONGEST_ENCODED * len(path.original) > LONGEST_ORCPT or not path.original
    )
