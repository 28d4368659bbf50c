"""The user at the other end of a unix socket, as the kernel reports it (SO_PEERCRED, unix(7)).

The sockets between our own processes, and that of the `mailhost` command, are in a folder that only
the host's user and root can enter. This check protects them even if the modes of that folder are
wrong.
"""

from __future__ import annotations

import os
import socket
import struct

_CREDENTIALS = "iII"  # struct ucred: process, user and group


def peer_uid(wire: socket.socket) -> int | None:
    """Return the user id of the other end, None where the system does not report it.

    For a server it is the id at the time of connect(2), for a client at the time of listen(2).
    """
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    size = struct.calcsize(_CREDENTIALS)
    credentials = struct.unpack(
        _CREDENTIALS, wire.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    )
    return int(credentials[1])


def is_ours(wire: socket.socket) -> bool:
    """True if the process at the other end is of root or our own user, or is not reported."""
    return peer_uid(wire) in (None, 0, os.geteuid())
