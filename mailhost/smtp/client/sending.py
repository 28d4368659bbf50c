"""One message that is sent to another host: whether the host can accept it, the commands of its
envelope, and the statuses of its recipients so far.

8-bit content is sent unchanged to hosts without 8BITMIME, though RFC 6152 §3 asks for a bounce. A
conversion would break signatures, and hosts that cannot transport 8-bit content no longer exist.
Mail that is signed here was converted before (`signing/step`), unless the settings say otherwise.
Binary content is not sent without CHUNKING and BINARYMIME, UTF-8 addresses not without SMTPUTF8.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mailhost.message.content import Content
from mailhost.message.envelope import Body, Envelope, ForwardPath
from mailhost.message.status import Status
from mailhost.message.tls_demand import TLSDemand

Offers = Mapping[str, str]
"""The extensions in the reply to EHLO: keywords in upper case, each with its parameters."""

TOO_LARGE = Status(552, "5.3.4", "The message is larger than the next host takes")
NEEDS_SMTPUTF8 = Status(
    553, "5.6.7", "The next host takes no addresses and header fields outside ASCII"
)
NEEDS_BINARY = Status(554, "5.6.3", "The next host takes no binary messages")


# octets after encoding (RFC 3461 §4.2, §4.4). Another host may refuse a mail for good because of a
# longer value, so a longer value is left out, and is missing in reports. Our server accepts longer
# values, and some that are not xtext.
LONGEST_ENVID = 100
LONGEST_ORCPT = 500


@dataclass(slots=True)
class Sending:
    """One message. A recipient without a status has not been sent to any host that may have
    accepted the message."""

    envelope: Envelope
    content: Content
    recipients: Sequence[ForwardPath]
    statuses: dict[ForwardPath, Status] = field(default_factory=dict)

    @property
    def undecided(self) -> list[ForwardPath]:
        """The recipients without a status."""
        return [path for path in self.recipients if path not in self.statuses]

    @property
    def binary(self) -> bool:
        """True if the content can be sent by BDAT only."""
        return self.envelope.body is Body.BINARY

    def decide(self, status: Status, only: Sequence[ForwardPath] | None = None) -> None:
        """Set the status of all recipients that have none, or of those in `only`."""
        for path in self.recipients if only is None else only:
            self.statuses.setdefault(path, status)


def refusal_of_message(sending: Sending, offers: Offers) -> Status | None:
    """Return the reason why a host with these `offers` cannot accept the message, or None."""
    largest = size_limit(offers)
    if largest is not None and sending.content.size > largest:
        return TOO_LARGE
    if needs_utf8(sending) and "SMTPUTF8" not in offers:
        return NEEDS_SMTPUTF8
    if sending.binary and not takes_binary(offers):
        return NEEDS_BINARY
    return None


def takes_binary(offers: Offers) -> bool:
    """Return True if the host accepts binary content (RFC 3030)."""
    return "CHUNKING" in offers and "BINARYMIME" in offers


def needs_utf8(sending: Sending) -> bool:
    """Return True if the message needs SMTPUTF8: if it has UTF-8 addresses, or if the sender asked
    for SMTPUTF8 and the header has UTF-8."""
    addresses = [path.address for path in sending.recipients]
    if sending.envelope.reverse_path:
        addresses.append(sending.envelope.reverse_path)
    if not all(address.ascii for address in addresses):
        return True
    return sending.envelope.smtputf8 and not sending.content.header().isascii()


def size_limit(offers: Offers) -> int | None:
    """Return the size of the largest message that the host accepts, in octets (RFC 1870), None
    where the host announces no limit."""
    size = offers.get("SIZE", "").split(" ")[0]
    return int(size) or None if size.isdecimal() and len(size) < 20 else None


def announced_limit(offers: Offers, name: str) -> int | None:
    """Return a limit that the host announces (RFC 9422), such as RCPTMAX, None if it does not."""
    for word in offers.get("LIMITS", "").split():
        key, _, number = word.partition("=")
        if key.upper() == name and re.fullmatch("[1-9][0-9]{0,5}", number):
            return int(number)
    return None


def mail_command(envelope: Envelope, offers: Offers, size: int, utf8: bool) -> bytes:
    """Return MAIL FROM with all parameters that the host supports, without CRLF.

    `size` is in octets, 0 if it is not known; `utf8` adds SMTPUTF8.
    """
    text = [f"MAIL FROM:<{envelope.reverse_path or ''}>"]
    if size and "SIZE" in offers:
        text.append(f"SIZE={size}")
    eight_bit = envelope.body is Body.EIGHT_BIT and "8BITMIME" in offers
    if envelope.body is Body.BINARY or eight_bit:
        text.append(f"BODY={envelope.body}")
    if utf8:
        text.append("SMTPUTF8")
    if envelope.tls is TLSDemand.REQUIRED and "REQUIRETLS" in offers:
        text.append("REQUIRETLS")
    if "DSN" in offers and envelope.returns:
        text.append(f"RET={envelope.returns}")
    if "DSN" in offers and envelope.envelope_id:
        encoded = encode_xtext(envelope.envelope_id)
        if len(encoded) <= LONGEST_ENVID:
            text.append(f"ENVID={encoded}")
    return " ".join(text).encode()


def rcpt_command(path: ForwardPath, offers: Offers) -> bytes:
    """Return RCPT TO with all parameters that the host supports, without CRLF."""
    text = [f"RCPT TO:<{path.address}>", *(_notify(path) if "DSN" in offers else ())]
    return " ".join(text).encode()


def _notify(path: ForwardPath) -> Iterator[str]:
    if path.notify is not None:
        names = ",".join(str(flag.name) for flag in path.notify)
        yield f"NOTIFY={names or 'NEVER'}"
    if path.original:
        kind, _, address = path.original.partition(";")
        encode = encode_unitext if kind.lower() == "utf-8" else encode_xtext
        original = f"{kind};{encode(address)}"
        if len(original) <= LONGEST_ORCPT:
            yield f"ORCPT={original}"


def encode_xtext(text: str) -> str:
    """Return `text` as xtext (RFC 3461 §4)."""
    return "".join(
        chr(octet) if 0x21 <= octet <= 0x7E and octet not in b"+=" else f"+{octet:02X}"
        for octet in text.encode()
    )


def encode_unitext(text: str) -> str:
    """Return `text` as utf-8-addr-xtext (RFC 6533 §3), which does not need SMTPUTF8."""
    return re.sub(r"[^!-*,-<>-\[\]-~]", lambda match: f"\\x{{{ord(match[0]):X}}}", text)
