"""The parts that notice lost client addresses: a watch in each process, and the decision in the
head."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from mailhost.application.foundation import Foundation
from mailhost.application.services import Services
from mailhost.config.model import Settings
from mailhost.doctor.clients.gateways import default_gateways
from mailhost.doctor.clients.lost import LostAddresses, LostSettings
from mailhost.doctor.clients.lost_address import Consequence, LostAddress
from mailhost.doctor.clients.lost_file import LostFile
from mailhost.doctor.clients.mail import AdminMail, mail_admin
from mailhost.doctor.clients.names import domain_of
from mailhost.doctor.clients.watch import ClientWatch
from mailhost.interfaces.accounts import DirectoryView
from mailhost.interfaces.reactor import IReactor
from mailhost.interfaces.sightings import Sightings
from mailhost.net.control.server import CommandRefused, Commands


def client_watch(
    reactor: IReactor,
    send: Callable[[Sightings], object],
    view: Callable[[], DirectoryView],
    settings: Callable[[], Settings],
) -> ClientWatch:
    """Return the watch of a process.

    `view` and `settings` return the directory and the settings in use.
    """

    def own(domain: str) -> bool:
        return domain == domain_of(settings().hostname) or view().domain(domain) is not None

    return ClientWatch(reactor, send, own, lambda: settings().relay.networks)


def make_lost_addresses(
    reactor: IReactor,
    base: Foundation,
    services: Callable[[], Services],
    stopped: Callable[[frozenset[str]], None],
) -> LostAddresses:
    """Return the service of the head that decides.

    `services` returns those of the generation in use.
    """

    def settings() -> LostSettings:
        present = services().settings
        return LostSettings(present.doctor, present.relay.networks)

    def mail(lost: LostAddress, consequence: Consequence) -> Deferred[bool]:
        present = services()
        admin, hostname = present.settings.admin, present.settings.hostname
        needed = AdminMail(admin, hostname, present.outgoing, present.handover)
        return Deferred.fromCoroutine(mail_admin(lost, consequence, needed, base.events))

    return LostAddresses(
        reactor,
        base.in_thread,
        LostFile(base.data, base.commit_now.commit),
        default_gateways,
        settings,
        stopped,
        mail,
        base.events,
    )


def client_commands(lost: LostAddresses) -> Commands:
    """Return the commands about lost addresses, by name."""

    async def looked(address: str) -> None:
        try:
            known = await lost.looked(address)
        except OSError as error:
            raise CommandRefused(f"the command cannot be recorded: {error}") from error
        if not known:
            raise CommandRefused(f"the address {address} was not noticed as lost")

    def shown() -> dict[str, Any]:
        return lost.shown()

    return {"clients.lost": shown, "clients.looked": looked}
