"""Dot-stuffing of messages that are sent (RFC 5321 §4.5.2, RFC 1939 §3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mailhost.message.crlf import has_bare


class BareLineEnd(Exception):
    """The content has a CR or LF alone, which a receiver could take for the end of the message."""


def stuffed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a message as it goes over the wire: dots stuffed, and the end marked.

    Each chunk is examined together with the two octets before it, so that the borders of
    chunks change nothing. A message that does not end in CRLF gets one.
    """
    before = b"\r\n"  # the message begins at the start of a line
    for chunk in chunks:
        joined = before + chunk
        yield joined.replace(b"\r\n.", b"\r\n..")[len(before) :]
        before = joined[-2:]
    yield b".\r\n" if before == b"\r\n" else b"\r\n.\r\n"


def checked(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the chunks as they are. Raises BareLineEnd before a chunk with a bare CR or LF."""
    held = b""
    for chunk in chunks:
        block = held + chunk
        held = b"\r" if block.endswith(b"\r") else b""
        block = block[: len(block) - len(held)]
        if has_bare(block):
            raise BareLineEnd
        yield block
    if held:
        raise BareLineEnd
