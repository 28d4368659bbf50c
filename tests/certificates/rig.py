"""A keeper with a clock, a scripted directory and a DNS of its own. Threads work at once."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.certificates.answers import ChallengeAnswers
from mailhost.certificates.attempts import Attempts, Means
from mailhost.certificates.authority import Authority
from mailhost.certificates.expiry import Expiry, ExpiryWarning
from mailhost.certificates.folder import CertificateFolder
from mailhost.certificates.keeper import CertificateKeeper, KeeperParts
from mailhost.certificates.memory import Memory
from mailhost.certificates.names import NameFinder
from mailhost.certificates.next_key import NextKeys
from mailhost.certificates.plan import Planner, Setup
from mailhost.certificates.provers import HTTPProver, IProver, TLSProver
from mailhost.certificates.values import HTTP_01, TLS_ALPN_01, AccountWanted, IAuthority
from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.dns import (
    Found,
    IResolver,
    NoSuchDomain,
    Reply,
    ResolveFailed,
    TLSARecord,
)
from tests.certificates.scripted import DIRECTORY, ScriptedDirectory
from tests.fakes import RecordingEvents

T = TypeVar("T")
START = 1_800_000_000.0  # seconds since 1970
OURS, OTHER = "192.0.2.1", "198.51.100.9"
DAY, HOUR = 86_400.0, 3600.0


def at_once(work: Callable[[], T]) -> Deferred[T]:
    """Stands for a thread."""
    return maybeDeferred(work)


class NoSyncs(OperatingSystem):
    """Files that need not survive a crash of the machine."""

    def sync(self, fd: int) -> None:
        """See OperatingSystem."""

    def sync_folder(self, path: str) -> None:
        """See OperatingSystem."""


class FakeResolver:
    """`found` has the addresses of names; other names do not exist, those in `failing` fail."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}
        self.failing: set[str] = set()

    async def addresses(self, host: str) -> Sequence[str]:
        """See IResolver."""
        if host in self.failing:
            raise ResolveFailed("SERVFAIL")
        if host not in self.found:
            raise NoSuchDomain(host)
        return self.found[host]


class KeeperCase(SynchronousTestCase):
    """`setup` is what the settings say; None without agreement. `tlsa` are the TLSA records of the
    host; None if no key is made in advance."""

    tlsa: list[TLSARecord] | None = None

    def setUp(self) -> None:
        self.data = os.path.abspath(self.mktemp())
        self.clock = Clock()
        self.events = RecordingEvents()
        self.resolver = FakeResolver()
        self.resolver.found = {name: [OURS] for name in ("mx.a.example", "mail.a.example")}
        self.own = [OURS]
        self.answers = ChallengeAnswers()
        self.ca = ScriptedDirectory(self.now, self.look)
        self.trial_ca = ScriptedDirectory(self.now, self.look, "https://trial.example")
        self.setup: Setup | None = Setup(
            "mx.a.example", ("a.example",), AccountWanted(DIRECTORY, ("ann@a.example",))
        )
        self.uses = 0
        self.warnings: list[ExpiryWarning] = []
        self.chance = 0.5
        self.make()

    def now(self) -> float:
        return START + self.clock.seconds()

    def look(self, kind: str, name: str, token: str) -> str | None:
        """The answer that the authority sees for a name, as far as it leads to this host."""
        if OURS not in self.resolver.found.get(name, ()):
            return "another server"
        if kind == HTTP_01:
            found = self.answers.key_authorization(token)
            return found.decode() if found else None
        return token if self.answers.certificate_for(name) else None

    def provers(self) -> dict[str, IProver]:
        return {HTTP_01: HTTPProver(self.answers), TLS_ALPN_01: TLSProver(self.answers, at_once)}

    def authority(self, wanted: AccountWanted) -> IAuthority:
        at_trial = wanted.directory == self.trial_ca.directory
        return Authority(wanted, self.trial_ca if at_trial else self.ca)

    def make(self) -> None:
        """Make a keeper on the data folder, as after a restart."""
        self.folder = CertificateFolder(self.data, BlockingCommitter(NoSyncs()).commit)
        self.memory = Memory(at_once, self.folder, self.events, self.now, lambda: self.chance)
        resolver: IResolver = self.resolver  # type: ignore[assignment]
        names = NameFinder(self.clock, resolver, lambda: succeed(self.own), lambda name: True)
        parts = KeeperParts(
            at_once,
            self.folder,
            Planner(names, self.events),
            Attempts(
                self.clock, at_once, self.folder, lambda: Means(self.authority, self.provers())
            ),
            self.memory,
            Expiry(at_once, self.folder, self.memory, self.events, self.warn),
            self.events,
            lambda: self.setup,
            self.used,
            self.now,
            lambda: self.chance,
            None if self.tlsa is None else self.next_keys(),
        )
        self.keeper = CertificateKeeper(self.clock, parts)
        self.addCleanup(self.stop)

    def next_keys(self) -> NextKeys:
        """Keys of next certificates; `tlsa` are the records in DNS."""

        async def ask(hostname: str) -> Reply[TLSARecord]:
            records = tuple(self.tlsa or ())
            return Reply(Found.RECORDS if records else Found.NO_RECORDS, records)

        return NextKeys(self.data, BlockingCommitter(NoSyncs()).commit, at_once, ask)

    def stop(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.keeper.stop()))

    def restart(self) -> None:
        self.stop()
        self.make()
        self.keeper.start()

    def used(self) -> Awaitable[None]:
        self.uses += 1
        return succeed(None)

    def warn(self, warning: ExpiryWarning) -> Awaitable[None]:
        self.warnings.append(warning)
        return succeed(None)

    def change(self, **settings: Any) -> None:
        """A reload."""
        assert self.setup is not None
        self.setup = replace(self.setup, **settings)

    def wait(self, seconds: float, step: float = 60.0) -> None:
        """Let time pass, slowly while an order is under way."""
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end:
            slowly = 1.0 if self.keeper._running else step
            self.clock.advance(min(slowly, end - self.clock.seconds()))

    def start(self, seconds: float = 60.0) -> None:
        self.keeper.start()
        self.wait(seconds, 1.0)

    def stored(self) -> dict[str, set[str]]:
        """The names in each certificate of the folder."""
        return {each.name: {*each.files.names} for each in self.folder.read().certificates}

    def lines(self) -> list[str]:
        """The log since the last call."""
        lines = self.events.lines
        self.events.told.clear()
        return lines

    @property
    def ordered(self) -> list[list[str]]:
        """The names of all orders."""
        return [each["names"] for each in self.ca.orders]
