"""Makes the memory of the TLS of other hosts, and its commands."""

from __future__ import annotations

from typing import Any

from mailhost.application.foundation import Foundation
from mailhost.interfaces.reactor import IReactor
from mailhost.net.control.server import CommandRefused, Commands
from mailhost.relay.tls.memory import TLSMemory, day_text
from mailhost.relay.tls.memory_file import TLSMemoryFile


def memory_file(reactor: IReactor, foundation: Foundation, memory: TLSMemory) -> TLSMemoryFile:
    """Return the file of the memory in the data folder."""
    return TLSMemoryFile(
        reactor,
        foundation.in_thread,
        foundation.committer,
        foundation.data,
        memory,
        foundation.events,
    )


def tls_memory_commands(memory: TLSMemory) -> Commands:
    """Return the commands of `mailhost relay`, by name."""

    def seen(host: str = "") -> list[dict[str, Any]]:
        return [
            {"host": each, "tls": best.seen, "verified": day_text(best.verified)}
            for each, best in memory.known(host.lower())
        ]

    def forget(host: str) -> list[str]:
        found = memory.forget(host.lower())
        if not found:
            raise CommandRefused(f"no TLS was seen at {host}")
        return found

    return {"relay.seen_tls": seen, "relay.forget_tls": forget}
