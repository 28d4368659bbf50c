"""The services and settings that all connections of one proxy listener share."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from mailhost.concurrency.threads import InThread
from mailhost.interfaces.events import IEventSink
from mailhost.interfaces.logins import ILoginGuard
from mailhost.proxy.connect import Upstreams


@dataclass(frozen=True, slots=True)
class ProxyContext:
    """The context of one generation of the settings. Sizes are in octets.

    The content of a message larger than `memory` is written to `folder` while it arrives, in
    threads of `in_thread`. `hops` limits the Received fields of a message, `trace` adds a Received
    field of ours, and `now` returns seconds since the epoch. With `subject` the events about
    messages have their subjects.
    """

    hostname: str
    upstreams: Upstreams
    folder: str
    in_thread: InThread
    events: IEventSink
    guard: ILoginGuard
    message_size: int
    recipients: int
    memory: int = 256_000
    hops: int = 50
    trace: bool = True
    subject: bool = False
    plaintext_on_loopback: bool = False
    now: Callable[[], float] = time.time
