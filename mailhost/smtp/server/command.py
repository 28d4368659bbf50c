"""Parsing of HELO, MAIL, RCPT and BDAT: the octets after the verb become a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from mailhost.message.address import Address, BadAddress, parse_address
from mailhost.message.envelope import Body, Envelope, ForwardPath, Notify, Return
from mailhost.message.status import Status
from mailhost.message.tls_demand import TLSDemand
from mailhost.smtp.grammar import (
    BDAT,
    CONTROLS,
    HELLO_NAME,
    MAIL,
    PARAMETER,
    RCPT,
    SIZE,
    SOURCE_ROUTE,
    decode_orcpt,
    decode_xtext,
)
from mailhost.smtp.server.last_line import BAD_CHUNK

V = TypeVar("V")

BAD_SENDER = Status(501, "5.1.7", "Bad sender address: write MAIL FROM:<name@domain>")
BAD_RECIPIENT = Status(501, "5.1.3", "Bad recipient address: write RCPT TO:<name@domain>")
NEEDS_SMTPUTF8 = Status(553, "5.6.7", "An address outside ASCII needs SMTPUTF8 on the MAIL command")
_NOTIFY = {b"SUCCESS": Notify.SUCCESS, b"FAILURE": Notify.FAILURE, b"DELAY": Notify.DELAY}


class BadCommand(ValueError):
    """The syntax of the command is wrong; `status` is the reply."""

    def __init__(self, status: Status) -> None:
        super().__init__(str(status))
        self.status = status


@dataclass(frozen=True, slots=True)
class Chunk:
    """The arguments of BDAT (RFC 3030 §2): `size` in octets, and `last` with the last chunk."""

    size: int
    last: bool


def parse_hello(verb: bytes, name: bytes, lmtp: bool) -> str:
    """Return the name in HELO, EHLO or LHLO (RFC 5321 §4.1.1.1, RFC 2033 §4.1). `lmtp` is True
    if the listener speaks LMTP. Raises BadCommand."""
    if lmtp is not (verb == b"LHLO"):
        text = f"Say {'LHLO' if lmtp else 'EHLO or HELO'} here"
        raise BadCommand(Status(500, "5.5.1", text))
    if not HELLO_NAME.fullmatch(name):
        raise BadCommand(Status(501, "5.5.4", f"Say {verb.decode()} with your name"))
    return name.decode("utf-8", "replace")


def parse_mail(arguments: bytes) -> Envelope:
    """Return an envelope without recipients from the arguments of MAIL (RFC 5321 §4.1.1.2).

    The parameters are SIZE (RFC 1870), BODY (RFC 6152, RFC 3030), SMTPUTF8 (RFC 6531), RET and
    ENVID (RFC 3461), REQUIRETLS (RFC 8689 §2), and AUTH (RFC 4954 §5), which is not trusted and
    therefore ignored. Raises BadCommand.
    """
    match = MAIL.fullmatch(arguments.rstrip(b" "))
    if not match:
        raise BadCommand(BAD_SENDER)
    sender = _address(match[1], BAD_SENDER) if match[1] else None
    if not match[2] and match[1].isascii():
        return Envelope(sender)
    parameters = _parameters(match[2])
    envelope = Envelope(
        reverse_path=sender,
        size=_take(parameters, b"SIZE", lambda v: int(v) if SIZE.fullmatch(v) else None, 0),
        body=_take(parameters, b"BODY", lambda v: Body(v.upper().decode()), Body.SEVEN_BIT),
        returns=_take(parameters, b"RET", lambda v: Return(v.upper().decode()), None),
        envelope_id=_take(parameters, b"ENVID", _envelope_id, ""),
        smtputf8=_flag(parameters, b"SMTPUTF8"),
        tls=TLSDemand.REQUIRED if _flag(parameters, b"REQUIRETLS") else TLSDemand.USUAL,
    )
    parameters.pop(b"AUTH", None)
    _refuse_unknown(parameters)
    if not (envelope.smtputf8 or envelope.reverse_path is None or match[1].isascii()):
        raise BadCommand(NEEDS_SMTPUTF8)
    return envelope


def parse_rcpt(arguments: bytes, smtputf8: bool) -> ForwardPath:
    """Return the recipient from the arguments of RCPT (RFC 5321 §4.1.1.3, RFC 3461 §4).
    `smtputf8` is True if MAIL had that parameter. Raises BadCommand."""
    match = RCPT.fullmatch(arguments.rstrip(b" "))
    if not match or not match[1]:
        raise BadCommand(BAD_RECIPIENT)
    if match[1].lower() == b"postmaster":
        address = Address("postmaster", "")
    else:
        address = _address(match[1], BAD_RECIPIENT)
    if not (smtputf8 or arguments.isascii()):
        raise BadCommand(NEEDS_SMTPUTF8)
    if match[2] is None:
        return ForwardPath(address)
    parameters = _parameters(match[2])
    path = ForwardPath(
        address,
        notify=_take(parameters, b"NOTIFY", _notify, None),
        original=_take(parameters, b"ORCPT", decode_orcpt, ""),
    )
    _refuse_unknown(parameters)
    return path


def parse_chunk(arguments: bytes) -> Chunk:
    """Return the arguments of BDAT. Raises BadCommand."""
    match = BDAT.fullmatch(arguments)
    if not match:
        raise BadCommand(BAD_CHUNK)
    return Chunk(int(match[1]), bool(match[2]))


def _address(path: bytes, bad: Status) -> Address:
    try:
        route = SOURCE_ROUTE.match(path)
        text = path[route.end() if route else 0 :].decode()
        if CONTROLS.search(text):
            raise BadAddress(f"{text!r} contains a control character")
        return parse_address(text, lenient=True)
    except (BadAddress, UnicodeDecodeError) as error:
        raise BadCommand(bad.because(str(error))) from error


def _parameters(text: bytes | None) -> dict[bytes, bytes | None]:
    parameters: dict[bytes, bytes | None] = {}
    for word in text.split() if text else ():
        match = PARAMETER.fullmatch(word)
        if not match or match[1].upper() in parameters:
            raise BadCommand(Status(501, "5.5.4", "Bad or repeated parameter"))
        parameters[match[1].upper()] = match[2]
    return parameters


def _take(
    parameters: dict[bytes, bytes | None],
    key: bytes,
    read: Callable[[bytes], V | None],
    default: V,
) -> V:
    if key not in parameters:
        return default
    text = parameters.pop(key)
    try:
        value = read(text) if text is not None else None
    except ValueError:
        value = None
    if value is None:
        raise BadCommand(Status(501, "5.5.4", f"Bad value of the {key.decode()} parameter"))
    return value


def _flag(parameters: dict[bytes, bytes | None], key: bytes) -> bool:
    if parameters.get(key, b"") is not None and key in parameters:
        raise BadCommand(Status(501, "5.5.4", f"{key.decode()} takes no value"))
    return parameters.pop(key, b"") is None


def _envelope_id(value: bytes) -> str | None:
    """Return the decoded envelope identifier, None if `value` has more than 100 octets or is not
    printable (RFC 3461 §4.4)."""
    return decode_xtext(value) if len(value) <= 100 else None


def _notify(value: bytes) -> Notify | None:
    if value.upper() == b"NEVER":
        return Notify.NEVER
    flags = Notify.NEVER
    for keyword in value.upper().split(b","):
        if keyword not in _NOTIFY:
            return None
        flags |= _NOTIFY[keyword]
    return flags


def _refuse_unknown(parameters: Mapping[bytes, bytes | None]) -> None:
    for key in parameters:
        raise BadCommand(Status(555, "5.5.4", f"The parameter {key.decode()} is not known here"))
