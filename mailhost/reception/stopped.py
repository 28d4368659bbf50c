"""Client addresses for which nothing is relayed until the operator runs `mailhost doctor
looked`."""

from __future__ import annotations

from mailhost.message.client import Client
from mailhost.message.status import Status

RELAY_STOPPED = Status(
    451,
    "4.7.1",
    "Clients of many networks seem to share your address, so this host relays no mail from it "
    "until its administrator has examined the address; log in to send",
)


class StoppedAddresses:
    """The stopped addresses, in each process.

    The head decides which these are, see doctor/clients.
    """

    def __init__(self) -> None:
        self._addresses: frozenset[str] = frozenset()

    def replace(self, addresses: frozenset[str]) -> None:
        """Stop relaying for these addresses and no others."""
        self._addresses = addresses

    def refusal(self, client: Client) -> Status | None:
        """Return the reply to a client that would relay, None where it may. A client that has
        logged in is known by its account, so its address does not matter."""
        if client.account is not None or client.ip not in self._addresses:
            return None
        return RELAY_STOPPED.because(f"see `mailhost doctor looked {client.ip}`")
