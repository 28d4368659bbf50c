"""What there is once, however many processes serve: the queue with its relay, the judge of
passwords, the counts, and the workers.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred

from mailhost.application.certificates import CertificateWatch
from mailhost.application.housekeeping import Housekeeping
from mailhost.application.privileges import as_user
from mailhost.application.rooms import Rooms
from mailhost.authentication.authenticator import Authenticator
from mailhost.authentication.guard import LoginGuard
from mailhost.authentication.salt_key import lasting_key
from mailhost.authentication.shown import may_be_shown
from mailhost.config.load import Loaded
from mailhost.config.model import Listen, Settings
from mailhost.delivery.dispatch import Dispatch
from mailhost.directory.live import NO_DOMAIN
from mailhost.events import Faulted
from mailhost.net.certificate import read_certificate
from mailhost.net.selfsigned import make_self_signed
from mailhost.net.tls import CertificateSource
from mailhost.observe.lines import LineLog
from mailhost.observe.log import LogSink
from mailhost.queue.runner import QueueRunner
from mailhost.reception.filters.block.rate import Rates
from mailhost.reception.filters.monitor.counters import Counters
from mailhost.relay.transport import RelayTransport
from mailhost.workers.channel import Answers
from mailhost.workers.counts import new_counts
from mailhost.workers.crew import Crew, Work
from mailhost.workers.writer_process import WriterProcess

SUBFOLDERS = ("mail", "queue", "incoming")
WORKER = "mailhost.application.worker"
MOST_BY_DEFAULT = 4

Sockets = Sequence[tuple[int, Listen]]


class Head:
    """`rooms` are those of this process; `sockets` returns what workers are to serve too, each a
    descriptor and its listener. Raises BadCertificate."""

    def __init__(
        self, reactor: Any, loaded: Loaded, log: LogSink | LineLog, sockets: Callable[[], Sockets]
    ) -> None:
        settings = loaded.settings
        key = secrets.token_bytes(16)
        counts = new_counts(key)
        self._log = log
        self._loaded = loaded
        self._sockets = sockets
        self.rooms = rooms = Rooms(reactor, loaded, _certificates(settings), log, counts)
        self.guard = LoginGuard(
            reactor,
            settings.login,
            log,
            self._may_show,
            lambda name: rooms.directory.view.name_of(name),
        )
        self.authenticator = Authenticator(
            reactor, rooms.directory, settings.login, log, self.guard
        )
        self.rates = Rates(reactor)
        self.counters = Counters()
        self.relay = _make_relay(reactor, rooms, loaded)
        self.dispatch = Dispatch(rooms.directory, rooms.delivery, self.relay)
        self.dispatch.needs_domains = settings.needs_domains
        self.queue = QueueRunner(
            reactor, rooms.spool, self.dispatch, rooms.notices, settings.queue, log
        )
        self.housekeeping = Housekeeping(reactor, rooms.store, log)
        self.certificates = CertificateWatch(
            reactor, rooms.in_thread, rooms.tls, log, lambda: rooms.settings.hostname, self._renewed
        )
        self.writer = WriterProcess(reactor, rooms.writer_socket, log)
        rooms.connect(self.authenticator, self.guard, self.queue, self.rates, self.counters)
        self.crew = Crew(
            reactor,
            WORKER,
            self._answers(),
            counts,
            key,
            log,
            self._look_around,
            log.fileno() if isinstance(log, LineLog) else None,
        )

    def start(self) -> None:
        """Make what is missing on disk, read what is there, then have workers serve too.

        Raises OSError, DirectoryUnavailable, BadFilter.
        """
        for name in SUBFOLDERS:
            path = os.path.join(self.rooms.settings.data, name)
            os.makedirs(path, mode=0o700, exist_ok=True)
        key_path = os.path.join(self.rooms.settings.data, "scram-key")
        self.authenticator.use_key(lasting_key(key_path))
        self.writer.start()
        self.rooms.start()
        # the queue first removes what dead processes left half written: nobody may write yet
        self.queue.start().addCallback(lambda _: self.employ())
        self.housekeeping.start()
        self.certificates.start()
        self._tell_warnings()

    def employ(self) -> None:
        """Have workers serve by the settings as they are now."""
        sockets = self._sockets()
        count = processes(self.rooms.settings) - 1 if sockets else 0
        self.crew.employ(Work((self._loaded, self.rooms.tls.pem), sockets), count)

    async def stop(self, seconds: float) -> None:
        """Let what runs end within `seconds`, from the queue down to the disk."""
        self.housekeeping.stop()
        self.certificates.stop()
        await self.queue.stop(seconds)
        await self.relay.stop()
        await self.rooms.stop()
        await self.writer.stop()

    def replace(self, loaded: Loaded) -> None:
        """Take new settings. Raises BadCertificate, BadFilter."""
        settings = loaded.settings
        self.rooms.replace(loaded, _certificates(settings))
        self._loaded = loaded
        self.authenticator.replace_settings(settings.login)
        self.guard.replace_settings(settings.login)
        self.relay.replace_settings(
            settings.relay, loaded.secrets, settings.hostname, settings.listen
        )
        self.dispatch.needs_domains = settings.needs_domains
        self.queue.reconfigure(settings.queue)
        self.certificates.tell()
        self._tell_warnings()

    def _renewed(self) -> None:
        """Other certificates are in use: hand them to the workers."""
        pem = self.rooms.tls.pem
        self.crew.update((self._loaded, pem), "certificates", pem)

    def _answers(self) -> Answers:
        """What workers may ask and tell."""
        usages, judge, guard = self.rooms.store.usages, self.authenticator, self.guard
        return {
            "password": judge.password,
            "scram_keys": judge.scram_keys,
            "scram_result": judge.scram_result,
            "login_begins": guard.begin,
            "login_failed": guard.failed,
            "login_succeeded": guard.succeeded,
            "login_undecided": guard.undecided,
            "reserve": usages.reserve,
            "release": usages.release,
            "left": usages.left,
            "queued": self.queue.take_line,
            "look": lambda id: Deferred.fromCoroutine(self.queue.look(id)),
            "log": self._log.write_all,
            "rate": self.rates.take,
            "counted": self.counters.add_all,
        }

    def _look_around(self) -> None:
        """A worker died: there may be entries of its that we were not told of."""
        self.guard.end_all()
        looking = Deferred.fromCoroutine(self._look())
        looking.addErrback(
            lambda failure: self._log.tell(Faulted("queue", failure.getErrorMessage()))
        )

    async def _look(self) -> None:
        await self.rooms.committer.commit([])  # what the writer had begun for it is done then
        await self.queue.look_around()

    def _may_show(self, username: str) -> bool:
        """True for user names that may be logged."""
        return may_be_shown(username, self.rooms.directory.view, self.rooms.settings.hostname)

    def _tell_warnings(self) -> None:
        for problem in self._loaded.warnings:
            self._log.tell(Faulted("settings", str(problem)))
        if not self.rooms.directory.view.domains and self.rooms.settings.receives:
            self._log.tell(Faulted("directory", NO_DOMAIN))
        fit, wanted = self.rooms.limits.bounds.total, self.rooms.settings.limits.connections
        if fit < wanted:
            words = f"only {fit} of {wanted} connections fit; raise LimitNOFILE, or ulimit -n"
            self._log.tell(Faulted("limits", words))


def processes(settings: Settings) -> int:
    """How many processes serve."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return settings.workers or min(cores or 1, MOST_BY_DEFAULT)


def _make_relay(reactor: Any, rooms: Rooms, loaded: Loaded) -> RelayTransport:
    settings = loaded.settings
    return RelayTransport(
        reactor,
        rooms.resolver,
        settings.relay,
        loaded.secrets,
        settings.hostname,
        rooms.events,
        listeners=settings.listen,
    )


def _certificates(settings: Settings) -> list[CertificateSource]:
    """The certificates of the settings, or one that we sign ourselves."""
    if settings.tls.certificate:
        return [(pair.chain, pair.key) for pair in settings.tls.certificate]
    with as_user(settings.user):  # so that root follows no link in the user's folder
        paths = make_self_signed(os.path.join(settings.data, "tls"), settings.hostname)
        return [read_certificate(*paths)]
