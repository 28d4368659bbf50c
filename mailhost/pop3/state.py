"""The states of a POP3 session and the commands of each (RFC 1939 §3).

QUIT in TRANSACTION leads to the UPDATE state, where deletions are carried out; no command is read
there.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto


class State(Enum):
    """Where a session is."""

    AUTHORIZATION = auto()
    TRANSACTION = auto()


_ANYWHERE = frozenset({b"CAPA", b"QUIT", b"NOOP", b"LANG", b"UTF8"})

COMMANDS: Mapping[State, frozenset[bytes]] = {
    State.AUTHORIZATION: (_ANYWHERE - {b"NOOP"}) | {b"STLS", b"USER", b"PASS", b"AUTH"},
    State.TRANSACTION: (_ANYWHERE - {b"UTF8"})
    | {b"STAT", b"LIST", b"UIDL", b"RETR", b"TOP", b"DELE", b"RSET"},
}
