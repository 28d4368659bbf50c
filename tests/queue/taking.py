"""A process that takes mail as fast as it can and says so, until it is killed.

Run as `python -m tests.queue.taking FOLDER`: prints an entry's id once it was answered 250.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailhost.concurrency.threads import threads_of
from mailhost.config.model import Queue
from mailhost.durable.committer import Committer
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.queue import Carried, ITransport, Lane, Lanes
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.outcome import Fate, Outcome
from mailhost.outgoing import Completion, Outgoing
from mailhost.queue.attempt import QueueServices
from mailhost.queue.reports import Reports
from mailhost.queue.runner import QueueRunner
from mailhost.queue.spool import Spool
from tests.queue.fakes import BUSY, Events, FakeHandover, envelope, message


@implementer(ITransport)
class Busy:
    """Defers everything, so that states are written all the time."""

    def lanes(self, envelope: Envelope, recipients: Sequence[ForwardPath], attempts: int) -> Lanes:
        return Lanes([Lane("there", recipients)], "there")

    def stands(self, lanes: Lanes) -> bool:
        return True

    def forget_failures(self, lanes: Lanes) -> None:
        """There are none."""

    async def carry(
        self, lane: Lane, envelope: Envelope, content: Content, identity: str
    ) -> Carried:
        return Carried([Outcome(path, Fate.DEFERRED, BUSY) for path in lane.recipients])


async def take(runner: QueueRunner, name: str) -> None:
    """Take one message after the other."""
    number = 0
    while True:
        number += 1
        id = f"{name}-{number:06}"
        status = await runner.accept(envelope("bob@x.example"), message(), id)
        if status.ok:
            os.write(1, f"{id}\n".encode())


def main(folder: str) -> None:
    """Never returns."""
    clock: Any = reactor  # typed as no more than what all reactors have
    committer = Committer(clock, OperatingSystem())
    in_thread = threads_of(clock)
    events = Events()
    runner = QueueRunner(
        clock,
        Spool(folder, committer, in_thread),
        events,
    )
    reports = Reports(
        "mail.here.example", events, in_thread, Outgoing(Completion("mail.here.example", in_thread))
    )
    settings = Queue(first_retry=0.05, longest_retry=0.2)
    committer.start()
    runner.start(QueueServices(settings, Busy(), reports, FakeHandover()))
    for name in "abcd":
        Deferred.fromCoroutine(take(runner, name))
    clock.run()


if __name__ == "__main__":
    main(sys.argv[1])
