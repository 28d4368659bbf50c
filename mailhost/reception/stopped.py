"""Client addresses from which nothing is relayed until a person has looked."""

from __future__ import annotations

from mailhost.message.client import Client
from mailhost.message.status import Status

RELAY_STOPPED = Status(
    451,
    "4.7.1",
    "Clients of many networks seem to share your address, so this host sends no mail of yours to "
    "other domains until its administrator has looked; log in to send",
)


class StoppedAddresses:
    """Each process has one. The head decides which addresses are in it, see doctor/clients."""

    def __init__(self) -> None:
        self._addresses: frozenset[str] = frozenset()

    def replace(self, addresses: frozenset[str]) -> None:
        """Stop these addresses and no other."""
        self._addresses = addresses

    def refusal(self, client: Client) -> Status | None:
        """Return the reply to a client that would relay, None where it may. A client that has
        logged in is known by its account, so its address does not matter."""
        if client.account is not None or client.ip not in self._addresses:
            return None
        return RELAY_STOPPED.because(f"see `mailhost doctor looked {client.ip}`")
