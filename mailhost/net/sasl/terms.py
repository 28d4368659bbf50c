"""The common parts of the mechanisms: refusals, and decoding text of a client."""

from __future__ import annotations

from mailhost.message.address import BadAddress, parse_address
from mailhost.message.status import Status
from mailhost.net.sasl.saslprep import BadText, saslprep

MALFORMED = Status(501, "5.5.2", "Malformed response for this mechanism")
NOT_YOURSELF = Status(535, "5.7.8", "The identity to act as must be your own")
LONGEST_RESPONSE = 8192  # octets


class Malformed(ValueError):
    """The client's response does not follow the grammar of the mechanism; the text of the exception
    says where."""


def decode_text(octets: bytes) -> str:
    """Return UTF-8 text without NUL. Raises Malformed."""
    if len(octets) > LONGEST_RESPONSE:
        raise Malformed("too long")
    try:
        text = octets.decode()
    except UnicodeDecodeError as error:
        raise Malformed("not UTF-8") from error
    if "\0" in text:
        raise Malformed("holds a NUL")
    return text


def same_user(authzid: str, username: str) -> bool:
    """True if `authzid`, the identity to act as, is empty or the user's own, in any spelling."""
    return not authzid or _normal(authzid) == _normal(username)


def _normal(name: str) -> str:
    try:
        address = parse_address(saslprep(name))
    except (BadAddress, BadText):
        return name
    return f"{address.key}@{address.domain}"
