"""What all connections of one proxy listener share."""

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
    """Made anew when settings change. Sizes are in octets.

    `folder` takes the content of messages larger than `memory` while they arrive, by way of
    `in_thread`; `hops` bounds the Received fields of a message; `trace` puts one of ours on top;
    `now` is in seconds since the epoch.
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
    plaintext_on_loopback: bool = False
    now: Callable[[], float] = time.time
