"""Remembers the names that clients of inner addresses use, from the events of one process.

A lost address is recognised by the names of its clients: a web server, an office or a gateway has
one name in HELO or names of one domain, and strangers have names of many domains. So only different
domains are kept, some for each address; a repeated name costs two look-ups in sets. Of clients with
a public address nothing is kept except that there was one. A worker sends new names to the head.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from zope.interface import implementer

from mailhost.doctor.clients.names import domain_of
from mailhost.interfaces.events import Event, IEventSink, Received, Refused
from mailhost.interfaces.sightings import Names, Sightings
from mailhost.message.address import Address
from mailhost.message.client import Client, plain_address

MOST_ADDRESSES = 1_000  # in memory; beyond it, public ones are forgotten, then all
MOST_NAMES = 20  # different domains that are kept for an address
MOST_EXAMINED = 200  # different names that are looked at for an address
WINDOW = 7 * 86_400.0  # seconds after which all names are forgotten
SEND_AFTER = 1.0  # seconds
# how IPv4 addresses begin that may not be global (RFC 6890)
_BEGINNINGS = frozenset(map(str, (0, 10, 100, 127, 169, 172, 192, 198, 203, *range(224, 256))))
Networks = tuple[IPv4Network | IPv6Network, ...]


class _Domains:
    """Different domains in the names of clients; `new` are those that were not sent yet."""

    __slots__ = ("_examined", "_found", "new")

    def __init__(self) -> None:
        self._examined: set[str] = set()
        self._found: set[str] = set()
        self.new: list[str] = []

    def add(self, name: str, own: Callable[[str], bool]) -> bool:
        """Add a name. Return True if its domain is new, and not a domain of this host."""
        if name in self._examined or len(self._examined) >= MOST_EXAMINED:
            return False
        self._examined.add(name)
        domain = domain_of(name)
        if not domain or domain in self._found or len(self._found) >= MOST_NAMES or own(domain):
            return False
        self._found.add(domain)
        self.new.append(domain)
        return True

    def take(self) -> tuple[str, ...]:
        """Return the new domains, and count them as sent."""
        taken, self.new = tuple(self.new), []
        return taken


class _Address:
    """One inner address."""

    __slots__ = ("hello", "senders")

    def __init__(self) -> None:
        self.hello = _Domains()
        self.senders = _Domains()


@implementer(IEventSink)
class ClientWatch:
    """`send` gets the sightings a second after the first new one. `own` says whether a domain is
    one of this host, and `listed` returns the networks that may relay: their addresses are watched
    even if they are public."""

    def __init__(
        self,
        clock: IReactorTime,
        send: Callable[[Sightings], object],
        own: Callable[[str], bool],
        listed: Callable[[], Networks],
    ) -> None:
        self._clock = clock
        self._send = send
        self._own = own
        self._listed = listed
        self._known: dict[str, _Address | None] = {}  # None for a public address
        self._changed: dict[str, _Address] = {}
        self._public = False
        self._waiting = False
        self._periodic = LoopingCall(self.forget)
        self._periodic.clock = clock

    def start(self) -> None:
        """Forget all names from time to time."""
        self._periodic.start(WINDOW, now=False)

    def stop(self) -> None:
        """Stop forgetting."""
        if self._periodic.running:
            self._periodic.stop()

    def forget(self) -> None:
        """Forget all addresses and names, after other networks were listed or the operator has
        examined an address."""
        self._known.clear()

    def emit(self, event: Event) -> None:
        """See IEventSink."""
        if isinstance(event, Received):
            self._examine(event.client, event.reverse_path)
        elif isinstance(event, Refused):
            self._examine(event.client, None)

    def _examine(self, client: Client, sender: Address | None) -> None:
        if client.protocol != "smtp" or client.account is not None or not client.ip:
            return
        if client.ip not in self._known:
            self._add(client.ip)
        known = self._known[client.ip]
        if known is None:
            return
        new = known.hello.add(client.hello, self._own)
        if sender is not None:
            new = known.senders.add(sender.domain, self._own) or new
        if new:
            self._changed[client.ip] = known
            self._send_later()

    def _add(self, ip: str) -> None:
        if len(self._known) >= MOST_ADDRESSES:
            self._known = {ip: known for ip, known in self._known.items() if known}
        if len(self._known) >= MOST_ADDRESSES:
            self._known.clear()
        watched = is_watched(ip, self._listed())
        self._known[ip] = _Address() if watched else None
        if not watched and not self._public:
            self._public = True
            self._send_later()

    def _send_later(self) -> None:
        if not self._waiting:
            self._waiting = True
            self._clock.callLater(SEND_AFTER, self._send_now)

    def _send_now(self) -> None:
        self._waiting = False
        changed, self._changed = self._changed, {}
        names = {ip: Names(each.hello.take(), each.senders.take()) for ip, each in changed.items()}
        self._send(Sightings(names, self._public))


def is_watched(ip: str, listed: Networks) -> bool:
    """True for an address that no stranger can have: an inner one, or one that may relay."""
    if not listed and ":" not in ip and ip.partition(".")[0] not in _BEGINNINGS:
        return False  # the usual case, at a tenth of the cost
    address = plain_address(ip)
    return not address.is_global or any(address in network for network in listed)
