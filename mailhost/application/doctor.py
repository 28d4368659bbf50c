"""The doctor in the head: its daily run, and its findings in the log of the very first start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from mailhost.application.foundation import Foundation
from mailhost.application.local_facts import facts_of_running_host
from mailhost.application.own_domains import domains_to_examine
from mailhost.application.services import Services
from mailhost.concurrency.threads import own_threads
from mailhost.config.load import Loaded
from mailhost.config.model import Settings
from mailhost.doctor.checks import CheckResult, run_checks
from mailhost.doctor.context import DoctorContext, OwnDomains
from mailhost.doctor.daily.memory import DoctorMemory
from mailhost.doctor.daily.runner import WHERE, DailyDoctor, DailyServices
from mailhost.doctor.finding import Verdict
from mailhost.doctor.host.short import line_of
from mailhost.doctor.this_host import checks_of_first_start, checks_of_this_host
from mailhost.interfaces.events import Diagnosed, Faulted
from mailhost.interfaces.reactor import IReactor
from mailhost.interfaces.signing import DomainKey

AFTER_START = 3.0  # seconds after the host is ready, by when its workers have started


class HeadDoctor:
    """`loaded` and `services` return those of the present generation of the settings."""

    def __init__(
        self,
        reactor: IReactor,
        base: Foundation,
        loaded: Callable[[], Loaded],
        services: Callable[[], Services],
    ) -> None:
        self._reactor = reactor
        self._base = base
        self._loaded = loaded
        self._services = services
        self._in_thread = own_threads(reactor)
        self._first: IDelayedCall | None = None
        memory = DoctorMemory(base.data, base.commit_now.commit)
        self._daily = DailyDoctor(
            reactor, base.in_thread, memory, self._daily_services, self._examine, base.events
        )

    def start(self) -> None:
        """Run the checks daily, if the settings say so."""
        self._daily.start()

    def stop(self) -> None:
        """Begin no further run."""
        self._daily.stop()
        if self._first is not None and self._first.active():
            self._first.cancel()

    def first_start(self) -> None:
        """Run the checks soon, and log the findings that are not ok."""

        def run() -> None:
            Deferred.fromCoroutine(self._log_findings()).addErrback(self._failed)

        self._first = self._reactor.callLater(AFTER_START, run)

    async def _log_findings(self) -> None:
        checks = checks_of_first_start(self._context(), self._loaded())
        for result in await run_checks(checks, self._reactor, _ignore):
            for finding in result.findings:
                if finding.verdict is not Verdict.OK:
                    self._base.events.emit(Diagnosed(finding.name, line_of(finding)))

    def _failed(self, failure: Failure) -> None:
        self._base.events.emit(Faulted(WHERE, failure.getErrorMessage()))

    async def _examine(self) -> Sequence[CheckResult]:
        loaded = self._loaded()
        local = await self._in_thread(partial(facts_of_running_host, loaded))
        own = await self._in_thread(partial(self._own_domains, loaded.settings))
        context = replace(self._context(), own=own)
        checks = checks_of_this_host(context, loaded, local, over_the_wire=False)
        return await run_checks(checks, self._reactor, _ignore)

    def _context(self) -> DoctorContext:
        resolver = self._base.resolver
        return DoctorContext(self._reactor, self._in_thread, resolver, self._loaded())

    def _own_domains(self, settings: Settings) -> OwnDomains:
        """Return the domains whose DNS records are examined. Blocks."""
        return domains_to_examine(settings, self._base.directory.view, self._keys)

    def _keys(self, domain: str) -> Sequence[DomainKey]:
        try:
            pairs = self._base.key_ring.files.read(domain) or ()
        except OSError:
            return ()  # logged where mail is signed
        return [pair.public for pair in pairs]

    def _daily_services(self) -> DailyServices:
        services = self._services()
        settings = services.settings
        admin = settings.admin if settings.doctor.daily else None
        return DailyServices(admin, settings.hostname, services.outgoing, services.handover)


def _ignore(result: CheckResult) -> None:
    """No progress is shown."""
