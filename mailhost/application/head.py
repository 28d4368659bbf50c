"""The parts that exist once, however many processes serve: the queue with its relay, logins,
counts, and the pool of workers.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Sequence
from functools import partial

from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher

from mailhost.application.certificate_sources import certificate_sources
from mailhost.application.certificates import CertificateWatch
from mailhost.application.clients import client_watch, make_lost_addresses
from mailhost.application.doctor import HeadDoctor
from mailhost.application.foundation import Foundation
from mailhost.application.head_certificates import HeadCertificates
from mailhost.application.housekeeping import Housekeeping
from mailhost.application.process_events import ProcessEvents
from mailhost.application.relay import Relaying, read_authority
from mailhost.application.reports import (
    HeadReports,
    make_session_tally,
    reconfigure_sessions,
)
from mailhost.application.services import Services, Shared
from mailhost.config.load import Loaded
from mailhost.config.model import Listen, Settings
from mailhost.delivery.dispatch import Dispatch
from mailhost.directory.live import NO_DOMAIN
from mailhost.directory.place import in_use
from mailhost.directory.sqlite import note_uses
from mailhost.durable.log.log import FOLDER, why_no_log
from mailhost.durable.log.recovery import recover
from mailhost.durable.writer import LOGS
from mailhost.durable.writer_process import WriterProcess
from mailhost.interfaces.events import Faulted, Notice, Warned
from mailhost.interfaces.reactor import IReactor
from mailhost.interfaces.sightings import Sightings
from mailhost.logins.authenticator import Authenticator
from mailhost.logins.guard import LoginGuard
from mailhost.logins.last_uses import LastUses
from mailhost.logins.loggable_names import may_be_shown
from mailhost.logins.revocations import Revocations
from mailhost.logins.salt_key import lasting_key
from mailhost.message.address import Address
from mailhost.net.dns.authoritative import AuthoritativeServers
from mailhost.net.tls.server import BadCertificate, read_all
from mailhost.observe.attempts import RecentAttempts
from mailhost.observe.counts import Counts
from mailhost.observe.critical import CriticalEvents
from mailhost.observe.fan_out import FanOut
from mailhost.observe.lag import Lag
from mailhost.observe.lines import LineLog
from mailhost.observe.log import LogSink
from mailhost.queue.attempt import QueueServices
from mailhost.queue.runner import QueueRunner
from mailhost.reception.filters.block.rate import Rates
from mailhost.signing.keeper import KeyKeeper
from mailhost.signing.key_work import KeyWork
from mailhost.signing.servers import Servers
from mailhost.trace.expiry import TraceExpiry
from mailhost.workers import calls
from mailhost.workers.connection_counts import new_counts
from mailhost.workers.folder_changes import FolderChange, FolderChanges
from mailhost.workers.pool import Assignment, WorkerPool

SUBFOLDERS = ("mail", "queue", "incoming")
WORKER = "mailhost.application.worker"
MOST_BY_DEFAULT = 4

Sockets = Sequence[tuple[int, Listen]]


class Head:
    """`foundation` and `services` are those of this process; `start` makes the first services.
    `sockets` returns what workers are to serve too, each a descriptor and its listener.

    Raises BadCertificate.
    """

    services: Services
    why_no_log = ""  # why the data folder has no log, empty where it has one

    def __init__(
        self,
        reactor: IReactor,
        loaded: Loaded,
        log: LogSink | LineLog,
        sockets: Callable[[], Sockets],
    ) -> None:
        self.loaded = loaded  # the settings in use
        self._log = log
        self._sockets = sockets
        self.queue_is_read = False
        self.stopping = False  # set by the host, when it takes no more connections
        self._make_observers(reactor)
        key = secrets.token_bytes(16)
        self.connection_counts = new_counts(key)
        self.foundation = base = Foundation(
            reactor,
            loaded,
            certificate_sources(loaded.settings),
            self.events,
            self.connection_counts,
            counts=self.counts,
        )
        self._make_logins(reactor)
        self.rates = Rates(reactor)
        self.relaying = Relaying(reactor, base, loaded)
        self.relay = self.relaying.transport
        self.queue = QueueRunner(reactor, base.spool, self.events)
        self.key_work = KeyWork(base.key_ring.files)
        self.keys = self._make_keys(reactor)
        self.shared = self._make_shared()
        self._make_rounds(reactor)
        self.certificates = self._make_watch(reactor)
        self.acme = HeadCertificates(
            reactor, base, lambda: self.loaded, lambda: self.services, self._use_ordered
        )
        base.http_challenges = base.tls.challenges = self.acme.answers
        self.writer = WriterProcess(reactor, base.writer_socket, self.events)
        self.workers = self._make_pool(reactor, key)
        notified = FolderChanges(reactor, self.workers.folders_changed)
        base.accounts.watchers.notify_others = notified.add

    def _make_observers(self, reactor: IReactor) -> None:
        """Make the parts that take events, and the measures of this process."""
        log, data = self._log, self.loaded.settings.data
        self.counts = Counts()
        self.attempts = RecentAttempts()
        self.sessions = make_session_tally(reactor, FanOut(log, self.counts))
        self._watch = client_watch(
            reactor,
            self._clients_seen,
            lambda: self.foundation.directory.view,
            lambda: self.loaded.settings,
        )
        self._sinks = ProcessEvents(
            reactor, data, log, self.counts, self._watch, self.sessions, self.attempts
        )
        self.events = self._sinks.all
        self._critical_events = CriticalEvents(reactor, self.counts)
        self.lag = Lag(reactor)

    def _make_logins(self, reactor: IReactor) -> None:
        """Make the parts that decide about logins, for all processes."""
        settings = self.loaded.settings
        self.guard = self._make_guard(reactor, settings)
        self.last_uses = self._make_last_uses(reactor)
        self.authenticator = self._make_authenticator(reactor, settings)
        self._revocations = Revocations(self._end_sessions)
        self.foundation.directory.changed = self._revocations.changed

    def _make_rounds(self, reactor: IReactor) -> None:
        """Make the parts that work from time to time."""
        base, data = self.foundation, self.foundation.data
        self.housekeeping = Housekeeping(reactor, lambda: self.services.store, self.events)
        self.trace_expiry = TraceExpiry(reactor, base.in_thread, data, self.events)
        self.daily_reports = HeadReports(reactor, base, lambda: self.services)
        self.doctor = HeadDoctor(reactor, base, lambda: self.loaded, lambda: self.services)
        self.lost_addresses = make_lost_addresses(
            reactor, base, lambda: self.services, self._stop_addresses
        )

    def _make_guard(self, reactor: IReactor, settings: Settings) -> LoginGuard:
        directory = self.foundation.directory
        return LoginGuard(
            reactor,
            settings.login,
            self.events,
            self._may_show,
            lambda name: directory.view.name_of(name),
        )

    def _make_authenticator(self, reactor: IReactor, settings: Settings) -> Authenticator:
        return Authenticator(
            reactor,
            self.foundation.directory,
            settings.login,
            self.events,
            self.guard,
            logged_in=self._logged_in,
        )

    def _make_shared(self) -> Shared:
        return Shared(
            self.authenticator, self.guard, self.queue, self.rates, self.counts, self.keys
        )

    def _make_last_uses(self, reactor: IReactor) -> LastUses:
        base = self.foundation
        write = partial(note_uses, base.data)
        return LastUses(reactor, base.in_thread, write, self.events, time.time)

    def _make_watch(self, reactor: IReactor) -> CertificateWatch:
        base = self.foundation
        return CertificateWatch(
            reactor,
            base.in_thread,
            base.tls,
            self.events,
            self._hostname,
            self._renewed,
            lambda path: self.acme.watches(path),
        )

    def _make_keys(self, reactor: IReactor) -> KeyKeeper:
        base = self.foundation
        authoritative = AuthoritativeServers(
            reactor, base.resolver, port=lambda: self.services.settings.dns.authority_port
        )
        return KeyKeeper(
            reactor,
            base.in_thread,
            base.key_ring,
            self.key_work,
            Servers(reactor, lambda: self.services.settings.dns, authoritative),
            base.directory,
            self.events,
            lambda: self.services.signing_rules,
            lambda domain: self.workers.keys_changed(domain),
        )

    def _make_pool(self, reactor: IReactor, key: bytes) -> WorkerPool:
        return WorkerPool(
            reactor,
            WORKER,
            self._answers(),
            self.connection_counts,
            key,
            self.events,
            self._recover_entries,
            self._log.fileno() if isinstance(self._log, LineLog) else None,
        )

    def start(self) -> Deferred[None]:
        """Make what is missing on disk, read what is there, then have workers serve too.

        Return a Deferred that fires when the queue has been read. Raises OSError,
        DirectoryUnavailable, BadFilter, BadLog.
        """
        globalLogPublisher.addObserver(self._critical_events)
        data = self.foundation.data
        self._recover(data)
        self.foundation.key_ring.files.prepare(new_host=not in_use(data))
        for name in SUBFOLDERS:
            os.makedirs(os.path.join(data, name), mode=0o700, exist_ok=True)
        self.authenticator.use_key(lasting_key(os.path.join(data, "scram-key")))
        self.writer.start()
        self._use(self._new_services(self.loaded))  # code of others: no longer as root
        self.foundation.start()
        # the queue first removes what dead processes left half written: nobody may write yet
        queue_read = self.queue.start(self._queue_services()).addCallback(self._queue_was_read)
        self.housekeeping.start()
        self.last_uses.start()
        self.daily_reports.start()
        self.sessions.start()
        self.doctor.start()
        self.lost_addresses.start()
        self._sinks.start()
        self.trace_expiry.start()
        self.keys.start()
        self.relaying.start()
        self.certificates.start()
        self.acme.start()
        self._log_warnings()
        return queue_read

    def _recover(self, data: str) -> None:
        """Make again what a power cut has taken, before anything is read. Raises BadLog."""
        system = self.foundation.system
        recover(system, data, lambda text: self.events.emit(Warned("log", text)))
        self.why_no_log = why_no_log(system, data) if LOGS else "it is switched off"
        if self.why_no_log:
            text = f"new mail is made durable by a sync of each file: {self.why_no_log}"
        else:
            text = f"new mail is made durable by the log in {os.path.join(data, FOLDER)}"
        self.events.emit(Notice(text))

    def _queue_was_read(self, _: object) -> None:
        self.queue_is_read = True
        self.assign_workers()

    def assign_workers(self) -> None:
        """Have workers serve by the settings as they are now. No worker starts before the queue was
        read, since reading it begins with the removal of files that dead processes left half
        written: files that a worker is writing would be taken for such."""
        if not self.queue_is_read:
            return
        sockets = self._sockets()
        count = process_count(self.services.settings) - 1 if sockets else 0
        self.workers.assign(Assignment(self.loaded, self.foundation.tls.pem, sockets), count)

    async def stop(self, seconds: float) -> None:
        """Let what runs end within `seconds`, from the queue down to the disk."""
        self.lag.measure(False)
        self.lost_addresses.stop()
        self.housekeeping.stop()
        self.doctor.stop()
        self.daily_reports.stop()
        await self.last_uses.stop()
        await self.keys.stop()
        self.certificates.stop()
        await self.acme.stop()
        await self.queue.stop(seconds)
        await self.relaying.stop()
        await self.sessions.stop()
        self.trace_expiry.stop()
        await self._sinks.stop()
        await self.foundation.stop()
        await self.writer.stop()
        globalLogPublisher.removeObserver(self._critical_events)

    def replace(self, loaded: Loaded) -> None:
        """Take new settings. Raises BadCertificate, BadFilter and OSError, with nothing changed."""
        services = self._new_services(loaded)
        read_authority(loaded.settings)  # it must raise before anything is changed
        self.foundation.reconfigure(loaded, certificate_sources(loaded.settings))
        self.loaded = loaded
        self._use(services)
        self.queue.reconfigure(self._queue_services())
        self.lost_addresses.reconfigure()
        self.acme.reconfigure()
        self.certificates.log_findings()
        self._log_warnings()

    def _new_services(self, loaded: Loaded) -> Services:
        return Services(self.foundation, loaded, self.shared)

    def _use(self, services: Services) -> None:
        """Have the parts that live on work with the services of a new generation."""
        self.services = services
        settings = services.settings
        self.authenticator.reconfigure(settings.login)
        self.guard.reconfigure(settings.login)
        self._sinks.reconfigure(settings)
        reconfigure_sessions(self.sessions, settings)
        self.lag.measure(settings.metrics is not None)
        self.trace_expiry.reconfigure(settings.trace.keep, settings.trace.size)
        self.relaying.reconfigure(self.loaded)

    def _queue_services(self) -> QueueServices:
        """Return what attempts of the queue use in the present generation."""
        services, settings = self.services, self.services.settings
        transport = Dispatch(
            self.foundation.directory,
            services.router,
            services.delivery,
            self.relay,
            self.events,
            self.foundation.pause,
            settings.needs_domains,
        )
        return QueueServices(settings.queue, transport, services.reports, services.handover)

    def _folders_changed(self, changes: Sequence[FolderChange]) -> None:
        """A worker has changed folders; it hears of them too, and finds nothing new."""
        self.foundation.accounts.watchers.all_changed_elsewhere(changes)
        self.workers.folders_changed(changes)

    def _logged_in(self, account: Address, app_password: str) -> None:
        self._revocations.logged_in(account)
        if app_password:
            self.last_uses.used(account, app_password)

    def _end_sessions(self, accounts: Sequence[Address]) -> None:
        """Passwords of these accounts were revoked."""
        self.foundation.sessions.end(accounts)
        self.workers.end_sessions(accounts)

    def _clients_seen(self, sightings: Sightings) -> None:
        self.lost_addresses.saw(sightings)

    def _stop_addresses(self, addresses: frozenset[str]) -> None:
        self.foundation.stopped.replace(addresses)
        self._watch.forget()  # a person may have looked
        self.workers.stop_addresses(addresses)

    def _hostname(self) -> str:
        return self.services.settings.hostname

    async def _use_ordered(self) -> None:
        """Use the certificates that were ordered, in all processes."""
        base, settings = self.foundation, self.services.settings
        try:
            sources = await base.in_thread(partial(certificate_sources, settings))
            found = await base.in_thread(partial(read_all, sources))
            if settings is not self.services.settings:
                return  # a reload has read the certificates of other settings meanwhile
            base.tls.use(found, base.tls.minimums)
        except (BadCertificate, OSError) as error:  # of the settings: they are read again too
            text = f"{error}. The certificates read before stay in use"
            self.events.emit(Faulted("certificates", text))
            return
        self._renewed()
        self.certificates.log_findings()

    def _renewed(self) -> None:
        """Other certificates are in use: hand them to the workers."""
        self.workers.use_certificates(self.foundation.tls.pem)

    def _answers(self) -> calls.Answers:
        """The functions for the calls of workers."""
        usages, authenticator, guard = self.foundation.usages, self.authenticator, self.guard
        return [
            calls.PASSWORD.answered_by(authenticator.password),
            calls.SCRAM_KEYS.answered_by(authenticator.scram_keys),
            calls.SCRAM_RESULT.answered_by(authenticator.scram_result),
            calls.LOGIN_BEGINS.answered_by(guard.begin),
            calls.LOGIN_FAILED.answered_by(guard.failed),
            calls.LOGIN_SUCCEEDED.answered_by(guard.succeeded),
            calls.LOGIN_UNDECIDED.answered_by(guard.undecided),
            calls.RESERVE.answered_by(usages.reserve),
            calls.RELEASE.answered_by(usages.release),
            calls.REMOVED.answered_by(usages.removed),
            calls.LEFT.answered_by(usages.left),
            calls.QUEUED.answered_by(self.queue.take_line),
            calls.QUEUED_LARGE.answered_by(lambda id: Deferred.fromCoroutine(self.queue.read(id))),
            calls.FOLDERS_CHANGED.answered_by(self._folders_changed),
            calls.LOG.answered_by(self._log.write_all),
            calls.RATE.answered_by(self.rates.take),
            calls.MAKE_KEYS.answered_by(
                lambda domain: Deferred.fromCoroutine(self.keys.ensure(domain))
            ),
            calls.COUNTED.answered_by(self.counts.add_all),
            calls.CLIENTS_SEEN.answered_by(self._clients_seen),
        ]

    def _recover_entries(self) -> None:
        """A worker died: look for entries of its in the queue's folder, and end its logins."""
        self.guard.end_all()
        looking = Deferred.fromCoroutine(self._read_new_entries())
        looking.addErrback(
            lambda failure: self.events.emit(Faulted("queue", failure.getErrorMessage()))
        )

    async def _read_new_entries(self) -> None:
        await self.foundation.committer.commit([])  # what the writer had begun for it is done then
        await self.queue.read_new()

    def _may_show(self, username: str) -> bool:
        """True for user names that may be logged."""
        return may_be_shown(
            username, self.foundation.directory.view, self.services.settings.hostname
        )

    def _log_warnings(self) -> None:
        for problem in self.loaded.warnings:
            self.events.emit(Warned("settings", str(problem)))
        if not self.foundation.directory.view.domains and self.services.settings.receives:
            self.events.emit(Warned("directory", NO_DOMAIN))
        fit, wanted = self.foundation.limits.bounds.total, self.services.settings.limits.connections
        if fit < wanted:
            text = f"only {fit} of {wanted} connections fit; raise LimitNOFILE, or ulimit -n"
            self.events.emit(Warned("limits", text))


def process_count(settings: Settings) -> int:
    """Return how many processes serve, the head included."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return settings.workers or min(cores or 1, MOST_BY_DEFAULT)
