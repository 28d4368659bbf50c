"""The demand of a message's sender about TLS on its way (RFC 8689)."""

from __future__ import annotations

from enum import StrEnum

from mailhost.message.header import values

FIELD = "TLS-Required"


class TLSDemand(StrEnum):
    """The values are those that an entry of the queue keeps."""

    USUAL = ""  # the policies of the next hop decide
    REQUIRED = "required"  # MAIL FROM has REQUIRETLS (RFC 8689 §2)
    OPTIONAL = "optional"  # the header has `TLS-Required: No` (RFC 8689 §3)


def demand_of_header(header: bytes) -> TLSDemand:
    """Return the demand of a header section: OPTIONAL for `TLS-Required: No` (RFC 8689 §3).

    Any other value is ignored, and so are several fields: a later host may have added the second.
    """
    found = values(header, FIELD)
    return TLSDemand.OPTIONAL if len(found) == 1 and found[0].lower() == "no" else TLSDemand.USUAL
