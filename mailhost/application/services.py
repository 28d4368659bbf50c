"""The services of one process for one generation of the settings: made together, never changed.

A reload makes new Services upon the same Foundation, in the head and in each worker; sessions keep
those that they began with. Parts that exist once for all processes are in the head (`head`);
workers have the `remote` side of them.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from mailhost.aggregate_reports.intake import ReportDelivery, incoming_folder
from mailhost.alias_loops import AliasLoops
from mailhost.application.filters import FilterContext, make_chains
from mailhost.application.foundation import Foundation
from mailhost.config.load import Loaded
from mailhost.delivery.junk import JunkFolders
from mailhost.delivery.local import LocalDelivery
from mailhost.handover import Handover
from mailhost.interfaces.delivery import ILocalDelivery
from mailhost.interfaces.filters import ICounters, IRates
from mailhost.interfaces.logins import IAuthenticator, ILoginGuard
from mailhost.interfaces.outgoing import IOutgoingStep
from mailhost.interfaces.queue import IQueue
from mailhost.interfaces.signing import IKeyMaker
from mailhost.interfaces.store import IMailbox
from mailhost.outgoing import Completion, Outgoing
from mailhost.queue.reports import Reports
from mailhost.reception.filters.whole_messages import WholeMessages
from mailhost.routing import Router
from mailhost.signing.key_ring import DomainKeys
from mailhost.signing.rules import SigningRules
from mailhost.signing.step import Signing
from mailhost.store.accounts import AccountStore
from mailhost.store.folders.disk import Disk
from mailhost.store.mailboxes import MailStore
from mailhost.store.quota import quotas_of


@dataclass(frozen=True, slots=True)
class Shared:
    """The parts that exist once for all processes, or their remote side in a worker."""

    authenticator: IAuthenticator
    guard: ILoginGuard
    queue: IQueue
    rates: IRates
    counters: ICounters
    key_maker: IKeyMaker


class Services:
    """Raises OSError and BadFilter, as filters read their files."""

    def __init__(self, foundation: Foundation, loaded: Loaded, shared: Shared) -> None:
        settings = loaded.settings
        self.settings = settings
        self.foundation = foundation
        self.authenticator = shared.authenticator
        self.guard = shared.guard
        self.incoming = os.path.join(foundation.data, "incoming")
        self.store = self._mail_store()
        self.accounts = self._account_store()
        self.router = Router(settings.hostname, settings.admin, settings.report_mailboxes)
        self.delivery = self._local_delivery()
        self.signing_rules = SigningRules(settings)
        self.domain_keys = DomainKeys(foundation.key_ring, self.signing_rules)
        self.outgoing = Outgoing(
            Completion(settings.hostname, foundation.in_thread), self._more_steps(shared)
        )
        self.reports = Reports(
            settings.hostname, foundation.events, foundation.in_thread, self.outgoing
        )
        self.handover = Handover(
            foundation.directory,
            self.router,
            self.delivery,
            shared.queue,
            self.reports,
            foundation.events,
            AliasLoops(shared.rates),
            foundation.pause,
        )
        self.chains = make_chains(settings, self._filter_context(shared))

    def _local_delivery(self) -> ILocalDelivery:
        """Local delivery; only where there are addresses for reports, mail is compared with
        these."""
        events = self.foundation.events
        settings = self.settings
        junk = JunkFolders(self.accounts, settings.delivery.junk, settings.hostname)
        delivery = LocalDelivery(self.store, events, self.foundation.pause, junk)
        if not self.router.reports:
            return delivery
        return ReportDelivery(delivery, self.router.reports, self.incoming_reports, events)

    @property
    def incoming_reports(self) -> IMailbox:
        """The Maildir of reports that were not read yet."""
        return self.store.maildir(incoming_folder(self.foundation.data))

    def _more_steps(self, shared: Shared) -> list[IOutgoingStep]:
        """Return the steps for mail that leaves, besides the completion."""
        if not self.settings.dkim.sign:
            return []
        signing = Signing(
            self.foundation.key_ring,
            self.signing_rules,
            shared.key_maker,
            self.foundation.directory,
            self.foundation.events,
            self.foundation.in_thread,
        )
        return [IOutgoingStep(signing)]

    def _mail_store(self) -> MailStore:
        return MailStore(
            os.path.join(self.foundation.data, "mail"),
            self.settings.hostname,
            self.foundation.committer,
            self.foundation.in_thread,
            quotas_of(self.foundation.directory),
            self.foundation.usages,
            self.foundation.message_sizes,
            changed=self.foundation.accounts.watchers.changed,
            keep_expunged=self.settings.store.keep_expunged,
        )

    def _account_store(self) -> AccountStore:
        return AccountStore(
            os.path.join(self.foundation.data, "mail"),
            Disk(
                self.foundation.system,
                self.foundation.dotlocks,
                self.foundation.commit_now.commit,
                self.settings.hostname,
                time.time,
                self.foundation.settle,
            ),
            self.foundation.accounts,
            quotas_of(self.foundation.directory),
            self.foundation.usages,
            keep_expunged=self.settings.store.keep_expunged > 0,
        )

    def _filter_context(self, shared: Shared) -> FilterContext:
        foundation = self.foundation
        memory = self.settings.limits.message_memory
        return FilterContext(
            foundation.reactor,
            foundation.in_thread,
            foundation.events,
            foundation.resolver,
            self.handover,
            self.store,
            shared.rates,
            shared.counters,
            WholeMessages(self.incoming, memory, foundation.in_thread, foundation.large_messages),
            self.settings.hostname,
            foundation.data,
            foundation.directory,
            self.domain_keys,
            foundation.known_clients,
        )
