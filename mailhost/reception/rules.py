"""The rules of a listener for the clients that send through it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from mailhost.interfaces.extensions import Extensions
from mailhost.message.address import Address
from mailhost.message.client import Client


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one listener.

    With `login` clients must log in (RFC 6409 §4.3). Clients in `networks` may relay without a
    login. A message may have at most `hops` Received fields; up to `memory` octets of it are kept
    in memory. `extensions_without_relay` are the SMTP extensions that are offered to clients that
    may not relay; None stands for all extensions of the listener. With `subject` the events about
    messages have their subjects.
    """

    hostname: str
    login: bool = False
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    hops: int = 50
    memory: int = 256_000
    extensions_without_relay: Extensions | None = None
    subject: bool = False

    def may_relay(self, client: Client) -> bool:
        """True for a client that may send to domains of other hosts."""
        return self.right_to_relay(client) is not None

    def right_to_relay(self, client: Client) -> Address | IPv4Network | IPv6Network | None:
        """Return why a client may send to domains of other hosts: its account, or the network that
        it is in; None if it may not."""
        return client.trusted_for(self.networks)

    def leaves_in_our_name(self, client: Client) -> bool:
        """True for a client whose mail passes the last steps for mail that leaves, such as the
        signature: it has logged in, or is in a listed network. An LMTP client passes on mail of
        others."""
        if client.account is not None:
            return True
        return bool(self.networks) and client.protocol != "lmtp" and self.may_relay(client)
