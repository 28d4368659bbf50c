"""The services and settings that all transactions of one listener share."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from mailhost.concurrency.pauses import Pause, no_pause
from mailhost.concurrency.threads import InThread
from mailhost.interfaces.directory import IDirectory
from mailhost.interfaces.events import IEventSink
from mailhost.interfaces.outgoing import IOutgoing
from mailhost.interfaces.reception import IHandover
from mailhost.interfaces.store import IMailStore
from mailhost.reception.rules import Rules
from mailhost.reception.stopped import StoppedAddresses
from mailhost.routing import Router


@dataclass(frozen=True, slots=True)
class ListenerContext:
    """The services and settings of a listener.

    A reload makes another one; a session keeps the one that it began with. The content of large
    messages is written to files in `folder`, by `in_thread`. `pause` is awaited between the parts
    of long work. `now` returns the time in seconds since the epoch. Clients at `stopped` addresses
    may not relay.
    """

    rules: Rules
    directory: IDirectory
    router: Router
    store: IMailStore
    handover: IHandover
    outgoing: IOutgoing
    folder: str
    in_thread: InThread
    events: IEventSink
    pause: Pause = no_pause
    now: Callable[[], float] = time.time
    stopped: StoppedAddresses = field(default_factory=StoppedAddresses)
