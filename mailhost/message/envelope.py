"""The envelope of a message: its sender, its recipients, and the parameters of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Flag, StrEnum, auto

from mailhost.message.address import Address
from mailhost.message.tls_demand import TLSDemand


class Body(StrEnum):
    """The kinds of octets in the content (RFC 6152, RFC 3030)."""

    SEVEN_BIT = "7BIT"
    EIGHT_BIT = "8BITMIME"
    BINARY = "BINARYMIME"


class Return(StrEnum):
    """How much of the message a bounce returns (RFC 3461 §4.3)."""

    FULL = "FULL"
    HEADERS = "HDRS"


class Notify(Flag):
    """The occasions of which the sender wants a report (RFC 3461 §4.1)."""

    NEVER = 0
    SUCCESS = auto()
    FAILURE = auto()
    DELAY = auto()


DEFAULT_NOTIFY = Notify.FAILURE | Notify.DELAY  # without NOTIFY


@dataclass(frozen=True, slots=True)
class ForwardPath:
    """One recipient.

    `notify` is None for a RCPT without NOTIFY: failures and delays are reported. `original` is
    ORCPT as `type;address`, decoded from xtext (RFC 3461 §4.2), or empty. `through` are the aliases
    of this host that led to an address of another host, in order.
    """

    address: Address
    notify: Notify | None = None
    original: str = ""
    through: tuple[Address, ...] = ()

    def __hash__(self) -> int:
        """The hash of the address alone takes half the time, which counts for lists of thousands
        of recipients."""
        return hash(self.address)

    def at(self, address: Address, through: tuple[Address, ...] = ()) -> ForwardPath:
        """Return the same recipient with the address that its own was expanded to."""
        if address is self.address:
            return self
        return ForwardPath(address, self.notify, self.original, through)

    def wants(self, occasion: Notify) -> bool:
        """True if the sender wants a report of `occasion`."""
        wanted = DEFAULT_NOTIFY if self.notify is None else self.notify
        return bool(wanted.value & occasion.value)  # on numbers, since `&` of two Flags is slow


@dataclass(frozen=True, slots=True)
class Envelope:
    """MAIL FROM with its parameters, and the recipients.

    `reverse_path` is None for the null reverse-path `<>`. `size` is the value of SIZE in octets, 0
    for none. `envelope_id` is ENVID, decoded from xtext. `tls` is what the sender demands of
    TLS on the way.
    """

    reverse_path: Address | None
    recipients: tuple[ForwardPath, ...] = ()
    body: Body = Body.SEVEN_BIT
    smtputf8: bool = False
    size: int = 0
    returns: Return | None = None
    envelope_id: str = ""
    tls: TLSDemand = TLSDemand.USUAL

    def to(self, recipients: Sequence[ForwardPath]) -> Envelope:
        """Return the same envelope with other recipients."""
        return Envelope(
            self.reverse_path,
            tuple(recipients),
            self.body,
            self.smtputf8,
            self.size,
            self.returns,
            self.envelope_id,
            self.tls,
        )
