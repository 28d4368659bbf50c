"""What EHLO and LHLO offer (RFC 5321 §4.1.1.1): only what this session can really do."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from mailhost.smtp.reply import encode_lines
from mailhost.smtp.terms import Terms


@lru_cache(maxsize=64)
def encode_hello(terms: Terms, starttls: bool, mechanisms: tuple[str, ...]) -> bytes:
    """Return the whole reply to EHLO."""
    return encode_lines(250, _lines(terms, starttls, mechanisms))


def _lines(terms: Terms, starttls: bool, mechanisms: Sequence[str]) -> list[str]:
    lines = [
        terms.hostname,
        "PIPELINING",  # RFC 2920
        f"SIZE {terms.message_size}",  # RFC 1870
        "8BITMIME",  # RFC 6152
        "BINARYMIME",  # RFC 3030
        "CHUNKING",  # RFC 3030
        "SMTPUTF8",  # RFC 6531
        "DSN",  # RFC 3461
        "ENHANCEDSTATUSCODES",  # RFC 2034
        f"LIMITS RCPTMAX={terms.recipients}",  # RFC 9422
    ]
    if starttls:
        lines.append("STARTTLS")  # RFC 3207
    if mechanisms:
        lines.append(f"AUTH {' '.join(mechanisms)}")  # RFC 4954
    return [*lines, "HELP"]
