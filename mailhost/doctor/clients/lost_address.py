"""An address that was noticed as lost, and the texts about it for the log and the administrator."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from mailhost.message.date import format_date

EXAMPLES = 5  # names that a text quotes


@dataclass(frozen=True, slots=True)
class LostAddress:
    """`since` is in seconds since 1970.

    `hello` and `senders` are domains in the names and senders of the clients. `alone` is True if no
    client with a public address had been seen when the address was noticed, `gateway` if the
    address was a default gateway of this host, `mailed` if the mail to the administrator is in the
    queue.
    """

    address: str
    since: int
    hello: tuple[str, ...]
    senders: tuple[str, ...]
    alone: bool = False
    gateway: bool = False
    mailed: bool = False


@dataclass(frozen=True, slots=True)
class Consequence:
    """The effect of the settings in use on a lost address: whether it may relay, and whether
    relaying is stopped for it."""

    listed: bool
    stopped: bool


def as_value(lost: LostAddress, consequence: Consequence) -> dict[str, Any]:
    """Return both as a value of JSON."""
    return {**asdict(lost), **asdict(consequence)}


def seen(lost: LostAddress) -> str:
    """Return the evidence, as a sentence without a full stop."""
    hello, senders = ", ".join(lost.hello[:EXAMPLES]), ", ".join(lost.senders[:EXAMPLES])
    return (
        f"clients at {lost.address} that do not log in give names of different domains in HELO "
        f"({hello}), and send mail of domains that are not of this host ({senders}): strangers "
        "seem to connect from this one address"
    )


def cause(lost: LostAddress) -> str:
    """Return where the addresses are probably lost, as a sentence."""
    if lost.gateway:
        return (
            f"{lost.address} is the default gateway of this host, as in a container whose network "
            "replaces the addresses of clients."
        )
    replaces = "a NAT, a container's network or a proxy that replaces the addresses of clients"
    if lost.alone:
        return f"No client has connected from a public address, so all pass through {replaces}."
    return (
        "Other clients connect from public addresses, so only some, such as those by IPv6, pass "
        f"through {replaces}."
    )


def danger(lost: LostAddress, consequence: Consequence) -> str:
    """Return the consequences, as sentences."""
    if consequence.stopped:
        return (
            "The address is in relay.networks, and doctor.stop is true: mail from the "
            "address to domains of other hosts is answered 451 until you run "
            f"`mailhost doctor looked {lost.address}`."
        )
    if consequence.listed:
        return (
            "The address is in relay.networks, so strangers can send mail to all domains through "
            "this host: it is an open relay."
        )
    return (
        "The address is not in relay.networks, so strangers cannot send to other domains; but "
        "blocklists, SPF and the limits for each client are applied to this one address."
    )


def remedy(lost: LostAddress, consequence: Consequence) -> str:
    """Return the remedy, as sentences that end before the command to run."""
    first = f"Remove {lost.address} from relay.networks. " if consequence.listed else ""
    return (
        f"{first}Make the host see the clients' own addresses: give a container the network of its "
        "host, or make the proxy send the PROXY protocol to a haproxy: endpoint. If other hosts "
        "rightly send through this one from that address, add the address to "
        "doctor.shared_addresses. Then run:"
    )


def command(lost: LostAddress) -> str:
    """Return the command for an operator who has examined the address."""
    return f"mailhost doctor looked {lost.address}"


def mail_text(lost: LostAddress, consequence: Consequence, hostname: str) -> str:
    """Return the text for the administrator, in paragraphs."""
    first = f"This is the mail host {hostname}. Noticed on {format_date(lost.since)}: {seen(lost)}."
    return "\n\n".join(
        (
            first,
            cause(lost),
            danger(lost, consequence),
            remedy(lost, consequence),
            command(lost),
            "The section doctor/client-addresses-lost of docs/troubleshooting.md has the details.",
        )
    )
