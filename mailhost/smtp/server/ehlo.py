"""The reply to EHLO and LHLO (RFC 5321 §4.1.1.1), and the refusal of what that reply did not offer.

A session offers an extension only if the reception behind the session supports that extension.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from mailhost.interfaces.extensions import Extensions
from mailhost.message.envelope import Body, Envelope, ForwardPath, Notify
from mailhost.message.status import Status
from mailhost.message.tls_demand import TLSDemand
from mailhost.smtp.server.reply import encode_lines
from mailhost.smtp.server.size_limit import refusal_of_size, size_keyword

# RFC 8689 §2: the option is for sessions over TLS alone
NEEDS_TLS = Status(530, "5.7.0", "REQUIRETLS needs TLS; use STARTTLS first")
# RFC 6152, RFC 3030, RFC 6531, RFC 3461, RFC 2034. CHUNKING is always offered: the session itself
# implements BDAT.
_EXTENSIONS = ("8BITMIME", "BINARYMIME", "CHUNKING", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES")


@lru_cache(maxsize=64)
def encode_hello(
    hostname: str,
    extensions: Extensions,
    secure: bool,
    starttls: bool,
    mechanisms: tuple[str, ...],
) -> bytes:
    """Return the whole reply to EHLO. `secure` is True over TLS, and `starttls` where STARTTLS is
    accepted; `mechanisms` are those that AUTH accepts now."""
    lines = _lines(extensions, secure, starttls, mechanisms)
    return encode_lines(250, [hostname, *lines, "HELP"])


def _lines(
    extensions: Extensions, secure: bool, starttls: bool, mechanisms: Sequence[str]
) -> Iterator[str]:
    yield "PIPELINING"  # RFC 2920
    yield size_keyword(extensions)
    for word in _EXTENSIONS:
        if word == "CHUNKING" or word in extensions.offered:
            yield word
    yield f"LIMITS RCPTMAX={extensions.recipients}"  # RFC 9422
    if secure and "REQUIRETLS" in extensions.offered:
        yield "REQUIRETLS"  # RFC 8689
    if starttls:
        yield "STARTTLS"  # RFC 3207
    if mechanisms:
        yield f"AUTH {' '.join(mechanisms)}"  # RFC 4954


def refusal_of_sender(envelope: Envelope, extensions: Extensions, secure: bool) -> Status | None:
    """Return the refusal of a MAIL that exceeds the SIZE limit or uses an extension that was not
    offered, None if it may pass. `secure` is True over TLS."""
    too_large = refusal_of_size(envelope.size, extensions.message_size)
    if too_large is not None:
        return too_large
    if envelope.tls is TLSDemand.REQUIRED and not secure:
        return NEEDS_TLS
    offered = extensions.offered | extensions.ignored
    return _not_offered(word for word in _extensions_used(envelope) if word not in offered)


def _extensions_used(envelope: Envelope) -> Iterator[str]:
    if envelope.body is not Body.SEVEN_BIT:
        yield envelope.body
    if envelope.smtputf8:
        yield "SMTPUTF8"
    if envelope.returns or envelope.envelope_id:
        yield "DSN"
    if envelope.tls is TLSDemand.REQUIRED:
        yield "REQUIRETLS"


def refusal_of_recipient(path: ForwardPath, extensions: Extensions) -> Status | None:
    """Return the refusal of a RCPT that uses DSN where DSN was not offered, None if it may pass."""
    if path.notify is None and not path.original:
        return None
    if "DSN" in extensions.offered or "DSN" in extensions.ignored:
        return None
    return _not_offered(["DSN"])


def as_offered(path: ForwardPath, extensions: Extensions) -> ForwardPath:
    """Return the recipient, without NOTIFY=SUCCESS if DSN is ignored. The other values of NOTIFY
    remain, since they ask for fewer reports."""
    if path.notify is None or "DSN" not in extensions.ignored:
        return path
    return replace(path, notify=path.notify & ~Notify.SUCCESS)


def _not_offered(keywords: Iterable[str]) -> Status | None:
    for word in keywords:
        return Status(555, "5.5.4", f"{word} is not offered here")
    return None
