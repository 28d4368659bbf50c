"""Times what the store does for IMAP, without sockets, on the disk of a folder.

`python -m bench.store [--messages N] [--folder PATH]`. Prints milliseconds. Where Debian's Dovecot
is installed, its `imap` does the same on a Maildir of its own, by pipes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from twisted.trial.unittest import SkipTest

from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.folders import FlagChange, NewMessage, SummaryField
from mailhost.message.content import Content
from mailhost.message.flags import FlagAction
from mailhost.store.folders.account_work import AccountWork
from mailhost.store.folders.adding import add
from mailhost.store.folders.disk import Disk
from mailhost.store.folders.flag_changes import set_flags
from mailhost.store.folders.reading import summaries
from mailhost.store.folders.refresh import refreshed
from mailhost.store.folders.transfer import copy, move
from mailhost.store.folders.tree import make_maildir
from mailhost.store.maildir.dotlock import Dotlocks
from tests.end_to_end.dovecot import Dovecot, Session, needed

MAIL = (
    b"From: Ann <ann@a.example>\r\nTo: Bob <bob@b.example>\r\nSubject: number %d\r\n"
    b"Date: Tue, 14 Nov 2023 22:13:20 +0000\r\nMessage-ID: <%d@a.example>\r\n\r\n"
    + b"A line of text that says little.\r\n"
    * 100
)
VALIDITY = 1_700_000_000
FIELDS = (SummaryField.ENVELOPE, SummaryField.BODY_STRUCTURE)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many messages each work has."""

    folder: int
    flags: int
    copied: int
    added: int
    summaries: int


def make_mailbox(root: Path, messages: int) -> None:
    """Make the Maildir of another host: a UID list, and files that it has in cur/."""
    for place in ("cur", "new", "tmp"):
        (root / place).mkdir(parents=True)
    lines = []
    for number in range(messages):
        octets = MAIL % (number, number)
        base = f"{VALIDITY + number}.M{number}P9.other,S={len(octets)},W={len(octets)}"
        (root / "cur" / f"{base}:2,S").write_bytes(octets)
        lines.append(f"{number + 1} :{base}\n")
    head = f"3 V{VALIDITY} N{messages + 1} G{'0123456789abcdef' * 2}\n"
    (root / "dovecot-uidlist").write_text(head + "".join(lines))
    os.sync()
    time.sleep(1.1)  # an mtime that is not recent


def opened(root: Path) -> AccountWork:
    """The account in a new process."""
    system = OperatingSystem()
    disk = Disk(system, Dotlocks(system), BlockingCommitter(system).commit, "bench", time.time)
    return AccountWork(str(root), disk)


def timed(work: Callable[[], object]) -> float:
    """Return the milliseconds that something takes."""
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


def ours(root: Path, sizes: Sizes) -> dict[str, float]:
    """Return the milliseconds of each work."""
    figures = {}
    work = opened(root)
    figures["first open"] = timed(lambda: refreshed(work, "").view)
    work.close()
    work = opened(root)
    figures["open in a new process"] = timed(lambda: refreshed(work, "").view)
    figures["open again"] = timed(lambda: refreshed(work, "").view)
    make_maildir(work, ".Copies")
    make_maildir(work, ".Moved")
    flagged = FlagChange(FlagAction.ADD, ("\\Flagged",))
    some = list(range(1, sizes.flags + 1))
    figures["flags of many"] = timed(lambda: set_flags(work, "", some, flagged, None))
    deleted = FlagChange(FlagAction.ADD, ("\\Draft",))
    figures["flags of one"] = timed(lambda: set_flags(work, "", [1], deleted, None))
    some = list(range(1, sizes.copied + 1))
    figures["copy"] = timed(lambda: copy(work, "", some, ".Copies"))
    figures["move"] = timed(lambda: move(work, "", some, ".Moved"))
    new = NewMessage(Content((MAIL % (0, 0),)))
    figures["add one by one"] = timed(
        lambda: [add(work, ".Copies", [new]) for _ in range(sizes.added)]
    )
    some = list(range(sizes.folder - sizes.summaries + 1, sizes.folder + 1))
    for kind in ("cold", "warm"):
        figures[f"summaries, {kind}"] = timed(lambda: _summaries(work, some))
    work.close()
    return figures


def _summaries(work: AccountWork, uids: Sequence[int]) -> None:
    for start in range(0, len(uids), 500):
        summaries(work, "", uids[start : start + 500], FIELDS)


def dovecots(dovecot: Dovecot, sizes: Sizes) -> dict[str, float]:
    """The same by Dovecot."""
    figures = {}
    with dovecot.session() as session:
        figures["first open"] = timed(lambda: session.say("SELECT INBOX"))
    with dovecot.session() as session:
        figures["open in a new process"] = timed(lambda: session.say("SELECT INBOX"))
        figures["open again"] = timed(lambda: session.say("SELECT INBOX"))
        for name in ("Copies", "Moved"):
            session.say(f"CREATE {name}")

        def say(command: str) -> float:
            return timed(lambda: session.say(command))

        figures["flags of many"] = say(f"UID STORE 1:{sizes.flags} +FLAGS.SILENT (\\Flagged)")
        figures["flags of one"] = say("UID STORE 1 +FLAGS.SILENT (\\Draft)")
        figures["copy"] = say(f"UID COPY 1:{sizes.copied} Copies")
        figures["move"] = say(f"UID MOVE 1:{sizes.copied} Moved")
        figures["add one by one"] = timed(lambda: _appended(session, sizes.added))
        first = sizes.folder - sizes.summaries + 1
        for kind in ("cold", "warm"):
            fetch = f"UID FETCH {first}:{sizes.folder} (ENVELOPE BODYSTRUCTURE)"
            figures[f"summaries, {kind}"] = say(fetch)
    return figures


def _appended(session: Session, count: int) -> None:
    for _ in range(count):
        session.say("APPEND Copies", MAIL % (0, 0))


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--folder", default="/var/tmp")
    arguments = parser.parse_args()
    count = arguments.messages
    sizes = Sizes(count, count // 10, count // 20, count // 100, count // 10)
    place = Path(tempfile.mkdtemp(dir=arguments.folder))
    try:
        make_mailbox(place / "ours", count)
        figures = ours(place / "ours", sizes)
        theirs: dict[str, float] = {}
        try:
            needed()
            make_mailbox(place / "theirs", count)
            theirs = dovecots(Dovecot(place / "dovecot", str(place / "theirs")), sizes)
        except SkipTest as reason:
            print(reason)
    finally:
        shutil.rmtree(place)
    print(f"{'milliseconds, ' + str(count) + ' messages':40}  mailhost   Dovecot   ratio")
    for name, value in figures.items():
        other = theirs.get(name)
        rest = f"{other:9.1f} {other / value:7.2f}" if other is not None else ""
        print(f"{name:40} {value:9.1f} {rest}")


if __name__ == "__main__":
    main()
