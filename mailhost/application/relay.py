"""Makes the relay, with what it needs to obey other domains' policies about TLS."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.ssl import Certificate

from mailhost.application.foundation import Foundation
from mailhost.application.tls_memory import memory_file
from mailhost.config.load import Loaded
from mailhost.config.model import Settings
from mailhost.interfaces.events import Notice
from mailhost.interfaces.outgoing import IForwarding
from mailhost.interfaces.reactor import IReactor
from mailhost.net.dns.validation import validation_line, validation_of
from mailhost.net.tls.certificate import BadCertificate
from mailhost.relay.reverse_names import ReverseNames
from mailhost.relay.sources import Sources
from mailhost.relay.sts.policies import STSPolicies
from mailhost.relay.sts.policy_hosts import PolicyHosts
from mailhost.relay.sts.store import PolicyStore
from mailhost.relay.tls.handshakes import Handshakes
from mailhost.relay.tls.memory import TLSMemory
from mailhost.relay.transport import RelayTransport
from mailhost.signing.forwarding import Forwarding


class Relaying:
    """`transport` sends mail to other hosts. Raises BadCertificate."""

    def __init__(self, reactor: IReactor, foundation: Foundation, loaded: Loaded) -> None:
        settings = loaded.settings
        self._authority = read_authority(settings)
        self._handshakes = Handshakes(self._authority)
        self._foundation = foundation
        self._settings = settings
        hosts = PolicyHosts(reactor, foundation.resolver)
        store = PolicyStore(foundation.data)
        self._sts = STSPolicies(reactor, foundation.in_thread, hosts, store, foundation.events)
        self._use_hosts(settings)
        self.memory = TLSMemory(settings.relay.tls)
        self._memory_file = memory_file(reactor, foundation, self.memory)
        self.transport = RelayTransport(
            reactor,
            foundation.resolver,
            settings.relay,
            loaded.secrets,
            settings.hostname,
            foundation.events,
            self._handshakes,
            settings.listen,
            self._forwarding(settings),
            self._sts,
            memory=self.memory,
        )
        events = foundation.events
        self._reverse_names = ReverseNames(reactor, foundation.resolver, events, self._use_sources)

    def _use_sources(self, sources: Sources) -> None:
        self.transport.sources = sources

    def start(self) -> None:
        """Read what is remembered of other hosts: blocks. Renew policies of other domains, and look
        up the reverse names of own addresses, from time to time. Log whether DNS is validated."""
        self._memory_file.start()
        self._sts.start()
        self._reverse_names.start()
        if _sends(self._settings):
            self._foundation.in_thread(self._handshakes.prepare)
        self._log_validation()

    def _log_validation(self) -> None:
        if _sends(self._settings) and self._settings.relay.tls.dane:
            Deferred.fromCoroutine(self._find_validation())

    async def _find_validation(self) -> None:
        base = self._foundation
        servers = base.resolver.servers()
        found = await validation_of(base.resolver, servers)
        base.events.emit(Notice(validation_line(found, servers)))

    async def stop(self) -> None:
        """End idle connections, and write what is to be remembered."""
        self._reverse_names.stop()
        self._sts.stop()
        await self.transport.stop()
        await self._memory_file.stop()

    def reconfigure(self, loaded: Loaded) -> None:
        """Take new settings. Raises BadCertificate, with nothing changed."""
        settings = loaded.settings
        authority, former = read_authority(settings), self._settings
        if authority != self._authority:
            self._authority, self._handshakes = authority, Handshakes(authority)
        if settings.relay.tls != former.relay.tls:
            self._sts.forget()
        self._settings = settings
        self._use_hosts(settings)
        self.transport.reconfigure(
            settings.relay,
            loaded.secrets,
            settings.hostname,
            settings.listen,
            self._forwarding(settings),
            self._handshakes,
        )
        self._reverse_names.reconfigure(settings)
        if _on_validation(settings) != _on_validation(former):
            self._foundation.reactor.callLater(0, self._log_validation)  # behind the reload's line

    def _use_hosts(self, settings: Settings) -> None:
        port, loopback = settings.relay.tls.mta_sts_port, settings.relay.allow_loopback
        self._sts.hosts.reconfigure(port, self._handshakes.peers, loopback)

    def _forwarding(self, settings: Settings) -> IForwarding | None:
        """Return what seals forwarded mail, None where the settings ask for no seals."""
        if not settings.relay.arc:
            return None
        base = self._foundation
        return Forwarding(base.key_ring, settings.hostname, settings.relay.arc, base.in_thread)


def _sends(settings: Settings) -> bool:
    """False for a proxy alone, which relays no mail, and for the demo, which asks no DNS."""
    return settings.receives and settings.demo is None


def _on_validation(settings: Settings) -> object:
    """Return the settings on which the line about the validation of DNSSEC depends."""
    return settings.relay.tls.dane, settings.dns.servers


def read_authority(settings: Settings) -> Certificate | None:
    """Return the authority that replaces those of this machine, None for these. Blocks for the
    disk. Raises BadCertificate."""
    path = settings.relay.tls.ca_file
    if path is None:
        return None
    try:
        with open(path, "rb") as file:
            return Certificate.loadPEM(file.read())
    except Exception as error:  # OpenSSL's have no common base with OSError
        raise BadCertificate(f"relay.tls.ca_file: cannot use {path}: {error}") from error
