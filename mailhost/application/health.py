"""Whether the host accepts mail now, for programs that ask once a second, such as a load balancer.

A worker that died does not matter here: the others serve its sockets until it is replaced. Clients
of a worker that hangs get no answer, so that matters. While the writer is replaced, which takes a
moment, threads write the mail; it is a reason nevertheless, since a writer that dies again and
again is a fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from twisted.internet.defer import Deferred

from mailhost.application.head import Head
from mailhost.concurrency.shared_call import SharedCall
from mailhost.directory.live import NO_DOMAIN
from mailhost.doctor.finding import Verdict
from mailhost.doctor.host.disk import Disk, disk_of


async def reasons_against(head: Head, disk: SharedCall[Disk]) -> list[str]:
    """Return why the host accepts no mail now, a sentence each; none if it does. Workers have a
    second to answer. `disk` reads how full the disk is."""
    asking = Deferred.fromCoroutine(_of_disk(head.foundation.data, disk))
    workers = dict(await head.workers.measures())
    numbers = dict(head.workers.rows())
    silent = [numbers.get(pid, 0) for pid, found in workers.items() if found is None]
    return [
        *_of_head(head),
        *(f"worker {number} does not answer" for number in sorted(silent)),
        *await asking,
    ]


def _of_head(head: Head) -> Iterator[str]:
    base, settings = head.foundation, head.services.settings
    if head.stopping:
        yield "the host is stopping"
    if not head.queue_is_read:
        yield "the queue is still being read"
    if base.committer.trouble:
        yield base.committer.trouble
    if base.directory.outage:
        yield f"the directory cannot be read: {base.directory.outage}"
    elif settings.receives and not base.directory.view.domains:
        yield f"directory: {NO_DOMAIN}"


async def _of_disk(folder: str, disk: SharedCall[Disk]) -> list[str]:
    try:
        return _too_little(await disk.result_of(partial(disk_of, folder)))
    except TimeoutError:
        return ["the disk of the data folder does not answer"]
    except OSError:
        return ["the data folder cannot be read"]


def _too_little(disk: Disk) -> list[str]:
    """Return what the disk lacks, by the rule of the doctor for a failure."""
    found = []
    if disk.space is Verdict.FAILURE:
        found.append(f"the disk of the data folder is full: {disk.free} octets are free")
    if disk.files is Verdict.FAILURE:
        found.append(f"the disk of the data folder has only {disk.inodes_free} inodes left")
    return found
