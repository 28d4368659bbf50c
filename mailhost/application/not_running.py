"""The services of the settings file for a question while no host runs.

They are made as the host makes them, and not started.
"""

from __future__ import annotations

import os
import pwd
import tempfile
from typing import Any

from zope.interface import implementer

from mailhost.application.explain import explain, question_of
from mailhost.application.filters import BadFilter
from mailhost.application.foundation import Foundation
from mailhost.application.privileges import become
from mailhost.application.services import Services, Shared
from mailhost.config.load import Loaded
from mailhost.directory.place import database_path, why_missing
from mailhost.explain.explanation import CannotExplain
from mailhost.explain.filters import NoEffect
from mailhost.interfaces.directory import DirectoryUnavailable
from mailhost.interfaces.events import IEventSink
from mailhost.interfaces.reactor import IReactor
from mailhost.interfaces.signing import IKeyMaker
from mailhost.logins.authenticator import Authenticator
from mailhost.logins.guard import LoginGuard
from mailhost.net.tls.selfsigned import make_self_signed
from mailhost.net.tls.server import CertificateSource, read_all
from mailhost.queue.runner import QueueRunner
from mailhost.reception.filters.block.rate import Rates
from mailhost.relay.sources import sources_of
from mailhost.relay.sts.policies import STSPolicies
from mailhost.relay.sts.policy_hosts import PolicyHosts
from mailhost.relay.sts.store import PolicyStore
from mailhost.relay.transport import RelayTransport


def become_host_user(loaded: Loaded) -> None:
    """Take the rights with which the host runs, for good: its settings may name code of others.
    Raises CannotExplain where there is no data folder."""
    settings = loaded.settings
    if not os.path.exists(database_path(settings.data)):
        raise CannotExplain(why_missing(settings.data))
    owner = os.stat(settings.data).st_uid
    become(settings.user or (pwd.getpwuid(owner).pw_name if owner else ""))


async def explain_not_running(reactor: IReactor, loaded: Loaded, **question: Any) -> dict[str, Any]:
    """Return what `explain` returns, by the settings file and the data folder. Nothing is counted
    yet, such as rates and failed logins. Raises CannotExplain."""
    events = NoEffect()
    foundation = Foundation(reactor, loaded, _any_certificate(loaded), events)
    try:
        foundation.directory.start()
        foundation.key_ring.load()
        services = Services(foundation, loaded, _shared(reactor, foundation, loaded, events))
    except (DirectoryUnavailable, BadFilter, OSError) as error:
        raise CannotExplain(str(error)) from error
    settings = loaded.settings
    relay = RelayTransport(
        reactor,
        foundation.resolver,
        settings.relay,
        loaded.secrets,
        settings.hostname,
        events,
        listeners=settings.listen,
        sources=sources_of(settings),
        sts=_stored_policies(reactor, foundation, events),
    )
    try:
        asked = question_of(settings, **question)
        return await explain(services, relay, lambda client: None, asked)
    finally:
        foundation.directory.stop()


def _stored_policies(
    reactor: IReactor, foundation: Foundation, events: IEventSink
) -> STSPolicies | None:
    """Return the MTA-STS policies of other domains that the host has fetched; None where it never
    has, since the file is not to be made."""
    store = PolicyStore(foundation.data)
    if not os.path.exists(store.path):
        return None
    hosts = PolicyHosts(reactor, foundation.resolver)
    return STSPolicies(reactor, foundation.in_thread, hosts, store, events)


def _any_certificate(loaded: Loaded) -> list[CertificateSource]:
    """Return a certificate that no client sees, since the services need one."""
    with tempfile.TemporaryDirectory() as folder:
        return list(read_all([make_self_signed(folder, loaded.settings.hostname)]))


def _shared(
    reactor: IReactor, foundation: Foundation, loaded: Loaded, events: IEventSink
) -> Shared:
    login = loaded.settings.login
    guard = LoginGuard(reactor, login, events, lambda name: False)
    authenticator = Authenticator(reactor, foundation.directory, login, events, guard)
    queue = QueueRunner(reactor, foundation.spool, events)
    return Shared(authenticator, guard, queue, Rates(reactor), NoEffect(), _NoKeys())


@implementer(IKeyMaker)
class _NoKeys:
    """Makes no keys: the running host does."""

    async def ensure(self, domain: str) -> None:
        """See IKeyMaker."""
