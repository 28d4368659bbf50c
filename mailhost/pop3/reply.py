"""Encoding of POP3 replies (RFC 1939 §3): +OK, -ERR, response codes (RFC 2449 §8), lists, TOP."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

TEMPORARY = "[SYS/TEMP]"  # RFC 3206 §4
IN_USE = "[IN-USE]"  # RFC 2449 §8.1.2
AUTH_FAILED = "[AUTH]"  # RFC 3206 §4


def ok(text: str = "") -> bytes:
    """Return a positive reply, with CRLF."""
    return _line("+OK", text)


def err(text: str, code: str = "") -> bytes:
    """Return a negative reply, with CRLF. `code` is a response code with its brackets, or empty."""
    return _line("-ERR", f"{code} {text}")


def listing(text: str, items: Iterable[str]) -> bytes:
    """Return a positive reply with one line for each item, and the final dot. No item may begin
    with a dot."""
    body = "".join(f"{item}\r\n" for item in items)
    return ok(text) + body.encode("ascii", "replace") + b".\r\n"


def _line(mark: str, text: str) -> bytes:
    return " ".join([mark, *text.split()]).encode("ascii", "replace") + b"\r\n"


def top(chunks: Iterable[bytes], count: int) -> Iterator[bytes]:
    """Yield the header, the empty line, and at most `count` lines of the body (RFC 1939 §7)."""
    left: int | None = None  # lines of the body that are still to come; None in the header
    at_line_start, held = True, b""
    for chunk in chunks:
        block = held + chunk
        held = b"\r" if block.endswith(b"\r") else b""  # the CR and LF of a line end stay together
        for line in block[: len(block) - len(held)].splitlines(keepends=True):
            if left == 0:
                return
            yield line
            if left is None:
                left = count if at_line_start and line == b"\r\n" else None
            elif line.endswith(b"\n"):
                left -= 1
            at_line_start = line.endswith(b"\n")
    if held and left != 0:
        yield held
