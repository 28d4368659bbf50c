"""The tagged reply that ends a command (RFC 9051 §7.1)."""

from __future__ import annotations

from dataclasses import dataclass

from mailhost.imap.grammar import response
from mailhost.interfaces.folders import Reason, StoreRefusal


@dataclass(frozen=True, slots=True)
class Completion:
    """`status` is OK, NO or BAD, `code` a response code without its brackets, empty for none."""

    status: bytes
    text: str
    code: bytes = b""

    def line(self, tag: bytes) -> bytes:
        """Return the reply; `*` as the tag makes it an untagged one."""
        return response.status(tag, self.status, self.text, self.code)


def ok(text: str, code: bytes = b"") -> Completion:
    """The command was done."""
    return Completion(response.OK, text, code)


def no(text: str, code: bytes = b"") -> Completion:
    """The command cannot be done."""
    return Completion(response.NO, text, code)


def bad(text: str, code: bytes = b"") -> Completion:
    """The command is wrong, or not for now."""
    return Completion(response.BAD, text, code)


NO_SUCH_NUMBER = bad("There is no message with such a number")  # RFC 9051 §9, seq-number


def refused(refusal: StoreRefusal, code: bytes = b"") -> Completion:
    """The store refused; `code` in place of the code of the reason."""
    return no(refusal.text, code or refusal.reason.value.encode())


def refused_target(refusal: StoreRefusal) -> Completion:
    """The store refused a folder that messages were to be put into (RFC 9051 §6.4.7)."""
    missing = refusal.reason is Reason.NONEXISTENT
    return refused(refusal, b"TRYCREATE" if missing else b"")
