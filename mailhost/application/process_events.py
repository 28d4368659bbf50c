"""The sinks for the events of one process, which the head and each worker have: the log and the
counts, and the parts that examine events."""

from __future__ import annotations

from mailhost.application.reports import make_result_tally, reconfigure_results
from mailhost.application.trace import make_trace
from mailhost.config.model import Settings
from mailhost.doctor.clients.watch import ClientWatch
from mailhost.interfaces.events import IEventSink
from mailhost.interfaces.reactor import IReactor
from mailhost.observe.counts import Counts
from mailhost.observe.fan_out import FanOut


class ProcessEvents:
    """`all` takes each event of the process; faults of the other sinks go to `log` and `counts`
    alone. `more` are sinks that this process alone has; `data` is the data folder."""

    def __init__(
        self,
        reactor: IReactor,
        data: str,
        log: IEventSink,
        counts: Counts,
        watch: ClientWatch,
        *more: IEventSink,
    ) -> None:
        faults = FanOut(log, counts)
        self.results = make_result_tally(reactor, faults)
        self.trace = make_trace(reactor, data, faults)
        self._watch = watch
        self.all = FanOut(log, counts, self.results, watch, self.trace, *more)

    def start(self) -> None:
        """Begin to write what is kept."""
        self.results.start()
        self._watch.start()
        self.trace.start()

    def reconfigure(self, settings: Settings) -> None:
        """Take new settings."""
        reconfigure_results(self.results, settings)
        self.trace.reconfigure(settings.trace.off)

    async def stop(self) -> None:
        """Write the rest."""
        self._watch.stop()
        await self.results.stop()
        await self.trace.stop()
