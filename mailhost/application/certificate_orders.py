"""Orders of certificates in the head: the keeper, its parts, and what these need of the host.

This module is imported when the operator has agreed, and by commands. The libraries for ACME are
imported with the first order.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Sequence

from mailhost.application.foundation import Foundation
from mailhost.application.services import Services
from mailhost.certificates.answers import ChallengeAnswers
from mailhost.certificates.attempts import Attempts, Means
from mailhost.certificates.dns_challenge import (
    PROGRAM_SECONDS,
    CommandChanger,
    DNSProver,
    IRecordChanger,
    UpdateChanger,
    Zone,
)
from mailhost.certificates.expiry import Expiry, ExpiryWarning
from mailhost.certificates.folder import CertificateFolder
from mailhost.certificates.keeper import CertificateKeeper, KeeperParts
from mailhost.certificates.mail import compose
from mailhost.certificates.memory import WHERE, Memory
from mailhost.certificates.names import NameFinder
from mailhost.certificates.next_key import NextKeys
from mailhost.certificates.plan import Planner, Setup
from mailhost.certificates.program import programs_of
from mailhost.certificates.provers import HTTPProver, IProver, TLSProver
from mailhost.certificates.values import AccountWanted, IAuthority
from mailhost.concurrency.threads import own_threads
from mailhost.config.acme import ACME, LETS_ENCRYPT, STAGING, ChallengeKind
from mailhost.config.load import Loaded
from mailhost.config.model import Settings
from mailhost.config.protocol import ListenProtocol
from mailhost.config.types import split_host_port
from mailhost.dns_records.addresses import find_addresses
from mailhost.dns_records.from_settings import is_in_dns
from mailhost.interfaces.accounts import DirectoryView
from mailhost.interfaces.dns import Reply, TLSARecord, ask, tlsa_of
from mailhost.interfaces.events import Faulted
from mailhost.interfaces.reactor import IReactor
from mailhost.message.address import Address
from mailhost.net.dns.authoritative import AuthoritativeServers
from mailhost.net.dns.lookups import run_lookups
from mailhost.net.tls.certificate import CertificateFiles
from mailhost.own_messages import complete, hand_over

TLSA_SECONDS = 15.0  # for the TLSA records of this host


def make_authority(wanted: AccountWanted) -> IAuthority:
    """Return a certificate authority."""
    from mailhost.certificates.authority import Authority

    return Authority(wanted)


class CertificateOrders:
    """`loaded` and `services` return those of the present generation of the settings; `used` has
    all processes use the certificates in the folder. `answers` are those to challenges."""

    def __init__(
        self,
        reactor: IReactor,
        base: Foundation,
        loaded: Callable[[], Loaded],
        services: Callable[[], Services],
        used: Callable[[], Awaitable[None]],
        answers: ChallengeAnswers,
    ) -> None:
        self._reactor = reactor
        self._base = base
        self._loaded = loaded
        self._services = services
        self._answers = answers
        self._last: tuple[tuple[object, ...], Setup] | None = None
        self._in_thread = own_threads(reactor)
        folder = CertificateFolder(base.data, base.commit_now.commit)
        now, chance, events = time.time, random.random, base.events
        self.memory = Memory(self._in_thread, folder, events, now, chance)
        names = NameFinder(reactor, base.resolver, self._own_addresses, self._is_in_dns)
        self.keeper = CertificateKeeper(
            reactor,
            KeeperParts(
                self._in_thread,
                folder,
                Planner(names, events),
                Attempts(reactor, self._in_thread, folder, self._means),
                self.memory,
                Expiry(self._in_thread, folder, self.memory, events, self._warn),
                events,
                self._setup,
                used,
                now,
                chance,
                NextKeys(base.data, base.commit_now.commit, self._in_thread, self._tlsa),
            ),
        )

    def staging(self) -> AccountWanted | None:
        """Return the account for orders whose certificates are not used; None if the operator has
        agreed to no authority that has a directory for them."""
        acme = self._loaded().settings.tls.acme
        if acme.try_first or acme.directory in (LETS_ENCRYPT, STAGING):
            return self._account(acme, acme.try_first or STAGING)
        return None

    def _setup(self) -> Setup | None:
        """Return the same object as long as settings, domains and certificates are the same."""
        loaded, view = self._loaded(), self._base.directory.view
        if not loaded.settings.tls.acme.agree:
            return None
        made_of = (loaded, view, self._base.tls.certificates)
        if self._last is None or any(
            one is not other for one, other in zip(made_of, self._last[0], strict=True)
        ):
            setup = self._new_setup(loaded, view)
            if self._last is not None and setup == self._last[1]:
                setup = self._last[1]
            self._last = made_of, setup
        return self._last[1]

    def _new_setup(self, loaded: Loaded, view: DirectoryView) -> Setup:
        acme = loaded.settings.tls.acme
        covered = (name for files in self._of_settings() for name in files.names)
        return Setup(
            loaded.settings.hostname,
            tuple(sorted({*view.domains, *view.also})),
            self._account(acme, acme.directory),
            self._account(acme, acme.try_first) if acme.try_first else None,
            acme.names,
            frozenset(covered),
            acme.key,
            tuple(self._means().provers),
        )

    def _of_settings(self) -> list[CertificateFiles]:
        """Return the certificates in use that the settings name."""
        named = {pair.chain for pair in self._loaded().settings.tls.certificate}
        used = self._base.tls.certificates
        return [files for files in used if files.paths and files.paths[0] in named]

    def _account(self, acme: ACME, directory: str) -> AccountWanted:
        tied = acme.external_account if directory == acme.directory else None
        return AccountWanted(
            directory,
            tuple(map(str, acme.contact)),
            "" if directory in (LETS_ENCRYPT, STAGING) else acme.ca_file,
            tied.id if tied else "",
            self._loaded().secrets.of(tied.key) if tied else "",
        )

    def _means(self) -> Means:
        settings = self._loaded().settings
        possible = {kind: self._prover(kind, settings) for kind in settings.tls.acme.challenges}
        return Means(
            make_authority, {kind.value: prover for kind, prover in possible.items() if prover}
        )

    def _prover(self, kind: ChallengeKind, settings: Settings) -> IProver | None:
        """Return what answers a kind of challenge, None if this host cannot."""
        protocols = {listen.protocol for listen in settings.listen}
        if kind is ChallengeKind.HTTP_01:
            http = ListenProtocol.HTTP in protocols
            return HTTPProver(self._answers) if http else None
        if kind is ChallengeKind.TLS_ALPN_01:
            https = ListenProtocol.HTTPS in protocols
            return TLSProver(self._answers, self._in_thread) if https else None
        changer = self._changer(settings.tls.acme)
        if changer is None:
            return None
        resolver = self._base.resolver
        port = settings.dns.authority_port
        servers = AuthoritativeServers(self._reactor, resolver, port=lambda: port)
        zone = Zone(resolver, servers, settings.tls.acme.dns_wait)
        return DNSProver(self._reactor, changer, zone)

    def _changer(self, acme: ACME) -> IRecordChanger | None:
        run = programs_of(self._reactor, PROGRAM_SECONDS)
        if acme.dns_command:
            return CommandChanger(acme.dns_command, run)
        if acme.nsupdate is None:
            return None
        server = split_host_port(acme.nsupdate.server, 53)
        return UpdateChanger(server, acme.nsupdate.key, acme.nsupdate.ttl, run)

    async def _tlsa(self, hostname: str) -> Reply[TLSARecord]:
        """Return the TLSA records at port 25 of this host."""
        machine = ask(tlsa_of(f"_25._tcp.{hostname}"))
        return await run_lookups(machine, self._base.resolver, self._reactor, TLSA_SECONDS)

    async def _own_addresses(self) -> Sequence[str]:
        settings = self._loaded().settings
        if settings.dns.addresses:
            return settings.dns.addresses
        found = await find_addresses(settings.hostname, self._base.resolver, self._reactor)
        return (*found.found, *found.other)

    def _is_in_dns(self, name: str) -> bool:
        return is_in_dns(self._loaded().settings, name)

    async def _warn(self, warning: ExpiryWarning) -> None:
        """Mail a warning to the administrator."""
        services = self._services()
        settings = services.settings
        if settings.admin is None:
            return
        composed = compose(warning, settings.admin, settings.hostname)
        author, events = Address("postmaster", settings.hostname), self._base.events
        try:
            message = await complete(composed, author, services.outgoing, events)
        except OSError as error:
            events.emit(Faulted(WHERE, f"a warning to <{settings.admin}> is not sent: {error}"))
            return
        if message is not None:
            await hand_over(message, services.handover, events)
