"""What the sender of a message demands of TLS on its way (RFC 8689)."""

from __future__ import annotations

from enum import StrEnum


class TLSDemand(StrEnum):
    """The values are those that an entry of the queue keeps."""

    USUAL = ""  # the policies of the next hop decide
    REQUIRED = "required"  # MAIL FROM has REQUIRETLS (RFC 8689 §2)
    OPTIONAL = "optional"  # the header has `TLS-Required: No` (RFC 8689 §5)
