"""Findings about damaged files of the queue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailhost.doctor.finding import Fault, Finding, failure, warning
from mailhost.doctor.host.queue_files import QueueFiles

QUEUE_DAMAGED = Fault(
    "queue-damaged", "A message whose file is damaged stays in the queue, and is not sent."
)
QUEUE_STATE_ALONE = Fault(
    "queue-state-alone", "The message that belongs to this state was removed, perhaps by a person."
)
MOST_NAMED = 5  # ids in one finding


def integrity_findings(files: QueueFiles) -> Iterator[Finding]:
    """Yield a finding for damaged entries, and one for states without a message."""
    damaged = [(each.id, each.reason) for each in files.unreadable]
    damaged += [(each.entry.id, each.damage) for each in files.entries if each.damage]
    if damaged:
        seen = f"{_listed([id for id, _ in damaged])}: {damaged[0][1]}"
        remedy = "Restore the files from a backup, or remove the entry:"
        command = f"mailhost queue remove {damaged[0][0]}"
        yield failure(QUEUE_DAMAGED, "files of the queue", seen, remedy, command)
    if files.alone:
        seen = f"{_listed(files.alone)}: a state without a message"
        remedy = "Nothing has to be done: the next start of the host removes the file."
        yield warning(QUEUE_STATE_ALONE, "states in the queue", seen, remedy)


def _listed(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - MOST_NAMED} more" if len(ids) > MOST_NAMED else ""
    return ", ".join(ids[:MOST_NAMED]) + more
