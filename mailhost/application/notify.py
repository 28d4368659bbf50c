"""Notifies the service manager of the state of the host: sd_notify(3), for systemd's Type=notify.

Each state is a datagram to the unix socket that NOTIFY_SOCKET names. Without that variable no
datagram is sent; failures are ignored. The variable is removed from the environment, so that
processes which the host starts do not send states of their own.
"""

from __future__ import annotations

import socket
import time
from collections.abc import MutableMapping
from contextlib import suppress
from enum import Enum, auto

VARIABLE = "NOTIFY_SOCKET"


class _State(Enum):
    STARTING = auto()
    READY = auto()
    RELOADING = auto()
    STOPPING = auto()


class Notifier:
    """`environment` may name the socket: a path, or an abstract name that begins with `@`."""

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        name = environment.pop(VARIABLE, "")
        self._state = _State.STARTING
        self._address = "\0" + name[1:] if name.startswith("@") else name

    def ready(self) -> None:
        """The host serves."""
        self._state = _State.READY
        self._send("READY=1")

    def reloading(self) -> None:
        """A reload begins; `reloaded` ends it. The time is CLOCK_MONOTONIC in microseconds.

        Nothing is sent before the host is ready, or when it stops: READY=1 at the end would be
        wrong.
        """
        if self._state is _State.READY:
            self._state = _State.RELOADING
            now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            self._send(f"RELOADING=1\nMONOTONIC_USEC={now}")

    def reloaded(self) -> None:
        """A reload has ended."""
        if self._state is _State.RELOADING:
            self.ready()

    def stopping(self) -> None:
        """The host stops."""
        self._state = _State.STOPPING
        self._send("STOPPING=1")

    def _send(self, lines: str) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire:
            wire.setblocking(False)
            wire.sendto(lines.encode(), self._address)
