"""The states of a POP3 session, and the commands of each state (RFC 1939 §3).

QUIT in the TRANSACTION state leads to the UPDATE state, which removes the marked messages and reads
no command; it has no value here.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto


class Pop3State(Enum):
    """The state of a session."""

    AUTHORIZATION = auto()
    TRANSACTION = auto()


_ANYWHERE = frozenset({b"CAPA", b"QUIT", b"NOOP", b"LANG", b"UTF8"})

COMMANDS: Mapping[Pop3State, frozenset[bytes]] = {
    Pop3State.AUTHORIZATION: (_ANYWHERE - {b"NOOP"}) | {b"STLS", b"USER", b"PASS", b"AUTH"},
    Pop3State.TRANSACTION: (_ANYWHERE - {b"UTF8"})
    | {b"STAT", b"LIST", b"UIDL", b"RETR", b"TOP", b"DELE", b"RSET"},
}
