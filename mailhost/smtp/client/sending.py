"""One message for some recipients on its way to another host: what the host can take of it, the
commands of its envelope, and what is known of everybody's fate so far.

8-bit content goes to hosts without 8BITMIME as it is: converting it would break signatures, and
hosts that cannot carry it are gone (RFC 6152 §3 would have us bounce it). Binary content does not
go without CHUNKING and BINARYMIME, nor do UTF-8 addresses without SMTPUTF8.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mailhost.message.content import Content
from mailhost.message.envelope import Body, Envelope, ForwardPath
from mailhost.message.status import Status

Offers = Mapping[str, str]
"""What EHLO told: keywords in upper case, each with its parameters."""

TOO_LARGE = Status(552, "5.3.4", "The message is larger than the next host takes")
NEEDS_SMTPUTF8 = Status(
    553, "5.6.7", "The next host takes no addresses and header fields outside ASCII"
)
NEEDS_BINARY = Status(554, "5.6.3", "The next host takes no binary messages")


# Encoded (RFC 3461 §4.2, §4.4). A host may refuse what is longer, and with it the mail for good, so
# that is left out: reports lack it then. We take longer values, and some that are no xtext.
LONGEST_ENVID = 100
LONGEST_ORCPT = 500


@dataclass(slots=True)
class Sending:
    """One message. Whoever has no status has not been given to any host that may have kept it."""

    envelope: Envelope
    content: Content
    recipients: Sequence[ForwardPath]
    statuses: dict[ForwardPath, Status] = field(default_factory=dict)

    @property
    def undecided(self) -> list[ForwardPath]:
        """Recipients without a status."""
        return [path for path in self.recipients if path not in self.statuses]

    @property
    def binary(self) -> bool:
        """True where the content can only go by BDAT."""
        return self.envelope.body is Body.BINARY

    def decide(self, status: Status, some: Sequence[ForwardPath] | None = None) -> None:
        """Give `status` to those that have none: all, or `some`."""
        for path in self.recipients if some is None else some:
            self.statuses.setdefault(path, status)


def refusal(sending: Sending, offers: Offers) -> Status | None:
    """Return why a host cannot take the message at all."""
    limit = size_limit(offers)
    if limit is not None and sending.content.size > limit:
        return TOO_LARGE
    if needs_utf8(sending) and "SMTPUTF8" not in offers:
        return NEEDS_SMTPUTF8
    if sending.binary and not takes_binary(offers):
        return NEEDS_BINARY
    return None


def takes_binary(offers: Offers) -> bool:
    """True for a host that takes any octets (RFC 3030)."""
    return "CHUNKING" in offers and "BINARYMIME" in offers


def needs_utf8(sending: Sending) -> bool:
    """True for UTF-8 addresses; else for UTF-8 in the header, where the sender asked for it."""
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


def limit(offers: Offers, name: str) -> int | None:
    """Return a limit that the host told (RFC 9422), None where it told none."""
    for word in offers.get("LIMITS", "").split():
        key, _, number = word.partition("=")
        if key.upper() == name and re.fullmatch("[1-9][0-9]{0,5}", number):
            return int(number)
    return None


def mail_command(envelope: Envelope, offers: Offers, size: int, utf8: bool) -> bytes:
    """Return MAIL FROM with all parameters that the host knows, without CRLF.

    `size` is in octets, 0 where it is not known; `utf8` asks for SMTPUTF8.
    """
    text = [f"MAIL FROM:<{envelope.reverse_path or ''}>"]
    if size and "SIZE" in offers:
        text.append(f"SIZE={size}")
    eight_bit = envelope.body is Body.EIGHT_BIT and "8BITMIME" in offers
    if envelope.body is Body.BINARY or eight_bit:
        text.append(f"BODY={envelope.body}")
    if utf8:
        text.append("SMTPUTF8")
    if "DSN" in offers and envelope.returns:
        text.append(f"RET={envelope.returns}")
    if "DSN" in offers and envelope.envelope_id:
        encoded = encode_xtext(envelope.envelope_id)
        if len(encoded) <= LONGEST_ENVID:
            text.append(f"ENVID={encoded}")
    return " ".join(text).encode()


def rcpt_command(path: ForwardPath, offers: Offers) -> bytes:
    """Return RCPT TO with all parameters that the host knows, without CRLF."""
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
    """Return `text` as utf-8-addr-xtext (RFC 6533 §3), which needs no SMTPUTF8."""
    return re.sub(r"[^!-*,-<>-\[\]-~]", lambda match: f"\\x{{{ord(match[0]):X}}}", text)
