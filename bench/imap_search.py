"""Measures SEARCH, SORT and THREAD, beside Debian's Dovecot where that is installed.

`python -m bench.imap_search [FOLDER] [--messages N] [--rounds N]`: the mails are the files below
FOLDER, or are made. Both read Maildirs with the same files: Dovecot by its `imap` as it is before
login, mailhost by a session in this process, without sockets and threads. Each command is given to
both in turn. Printed are medians, and the median of the ratios: how many times as fast mailhost is.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock

from mailhost.concurrency.pauses import no_pause
from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem
from mailhost.imap.commands.table import command_of
from mailhost.imap.context import Context, ImapOptions
from mailhost.imap.grammar.table import read_command
from mailhost.imap.selected import Selected
from mailhost.message.address import Address
from mailhost.message.crlf import with_crlf
from mailhost.store.folders.account_mail import AccountContext, AccountMail
from mailhost.store.folders.account_thread import AccountThreads
from mailhost.store.folders.disk import Disk
from mailhost.store.folders.watchers import Watchers
from mailhost.store.maildir.dotlock import Dotlocks

DOVECOT = "/usr/lib/dovecot/imap"
NOBODY = 65534
SETTINGS = "mail_location = maildir:{0}/mail\nssl = no\nbase_dir = {0}/run\nlog_path = {0}/log\n"
COMMANDS = (
    "SEARCH UNSEEN",
    "SEARCH TEXT zanzibar",
    "SEARCH BODY meeting",
    "SEARCH HEADER X-Mailer zanzibar",
    "SEARCH SUBJECT lunch",
    "SORT (SUBJECT) UTF-8 ALL",
    "THREAD REFERENCES UTF-8 ALL",
)
WORDS = [
    "meeting",
    "lunch",
    "report",
    "invoice",
    "project",
    "garden",
    "weather",
    "travel",
    "music",
    "the",
    "of",
    "and",
    "to",
    "in",
    "is",
]


# --- mails ---------------------------------------------------------------------------------------


def made(count: int) -> Iterator[bytes]:
    """Yield mails of 4 KB, a third of which are answers."""
    chance = random.Random(1)
    for number in range(count):
        words = chance.choices(WORDS, k=700)
        lines = [" ".join(words[at : at + 12]) for at in range(0, 700, 12)]
        reference = f"References: <{chance.randrange(number)}@x>\n" if number % 3 == 2 else ""
        yield (
            f"Subject: {'Re: ' * (number % 3 == 2)}{' '.join(words[:3])}\n"
            f"From: {words[3]}@far.example\nTo: ann@a.example\nMessage-ID: <{number}@x>\n"
            f"{reference}"
            f"Date: {number % 28 + 1} Feb 2022 10:00:00 +0000\n\n" + "\n".join(lines) + "\n"
        ).encode()


def fill(folder: Path, mails: list[bytes], count: int) -> None:
    """Write a Maildir with `count` messages; each second one is seen."""
    for name in ("cur", "new", "tmp"):
        (folder / "mail" / name).mkdir(parents=True)
    (folder / "run").mkdir()
    for number in range(count):
        octets = with_crlf(mails[number % len(mails)])
        size = f"S={len(octets)},W={len(octets)}"
        name = f"{10**9 + number}.M0P0Q{number}.h,{size}:2,{'S' * (number % 2)}"
        (folder / "mail" / "cur" / name).write_bytes(octets)


# --- both hosts ----------------------------------------------------------------------------------


class Dovecot:
    """Dovecot's session on a Maildir."""

    def __init__(self, folder: Path) -> None:
        (folder / "conf").write_text(SETTINGS.format(folder))
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", str(folder)], check=True)
        user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        self._imap = subprocess.Popen(
            [*user, DOVECOT, "-c", f"{folder}/conf"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"USER": "nobody", "HOME": str(folder), "PATH": os.environ["PATH"]},
        )
        self.say("SELECT INBOX")

    def say(self, line: str) -> float:
        """Return the seconds that a command takes."""
        assert self._imap.stdin is not None
        assert self._imap.stdout is not None
        begun = time.perf_counter()
        self._imap.stdin.write(f"x {line}\r\n".encode())
        self._imap.stdin.flush()
        while not (answer := self._imap.stdout.readline()).startswith(b"x "):
            assert answer, "Dovecot ended"
        return time.perf_counter() - begun

    def stop(self) -> None:
        self._imap.kill()
        self._imap.wait()


class NoFileWatches:
    """No other process makes changes."""

    def add(self, path: str, changed: object) -> None:
        pass

    def remove(self, path: str, changed: object) -> None:
        pass


class Wire:
    """A wire that forgets what is written."""

    def write(self, data: bytes) -> None:
        pass

    def wake(self) -> None:
        pass

    async def stream(self, chunks: Iterator[bytes]) -> None:
        for _ in chunks:
            pass


class Mailhost:
    """Our session on a Maildir."""

    def __init__(self, folder: Path) -> None:
        system = OperatingSystem()
        commit = BlockingCommitter(system).commit
        nothing: Any = None
        files: Any = NoFileWatches()
        account = AccountContext(
            account=Address("ann", "a.example"),
            root=str(folder / "mail"),
            threads=AccountThreads(Clock(), execute),
            disk=Disk(system, Dotlocks(system), commit, "h.example", time.time),
            watchers=Watchers(),
            files=files,
            quota_of=lambda account: None,
            usages=nothing,
            keep_expunged=False,
        )
        options = ImapOptions("h.example", 1 << 20, 1 << 16, str(folder))
        wire: Any = Wire()
        self._context = Context(
            wire=wire,
            client=nothing,
            logins=nothing,
            store=nothing,
            events=nothing,
            options=options,
            pause=no_pause,
            in_thread=execute,
            now=time.time,
            clock=Clock(),
            account_limit=nothing,
        )
        inbox = _now(AccountMail(account).open("INBOX"))
        self._context.selected = Selected(inbox, _now(inbox.view()), False)
        self._context.selected.looked(time.time())

    def say(self, line: str) -> float:
        """Return the seconds that a command takes."""
        begun = time.perf_counter()
        tagged = read_command((f"x {line}".encode(),), self._context.mode)
        self._context.tag = tagged.tag
        completion = _now(command_of(tagged.command)(self._context, tagged.command))
        assert completion.status == b"OK", completion
        return time.perf_counter() - begun


def _now(answer: Any) -> Any:
    found: list[Any] = []
    waiting = answer if isinstance(answer, Deferred) else Deferred.fromCoroutine(answer)
    waiting.addCallbacks(found.append, lambda failure: failure.raiseException())
    return found[0]


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    wanted = parser.parse_args()
    if wanted.folder is None:
        mails = list(made(wanted.messages))
    else:
        files = (path for path in sorted(wanted.folder.rglob("*")) if path.is_file())
        mails = [path.read_bytes() for path in files]
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        _compare(folder, mails, wanted.messages, wanted.rounds)
    finally:
        shutil.rmtree(folder)


def _compare(folder: Path, mails: list[bytes], messages: int, rounds: int) -> None:
    fill(folder / "ours", mails, messages)
    host = Mailhost(folder / "ours")
    other = None
    if os.path.exists(DOVECOT) and os.getuid() == 0:
        fill(folder / "theirs", mails, messages)
        other = Dovecot(folder / "theirs")
    else:
        sys.stdout.write("Dovecot is measured only by root, where it is installed.\n")
    for command in COMMANDS:
        ours, ratios = [], []
        for _ in range(rounds):
            ours.append(host.say(command))
            if other is not None:
                ratios.append(other.say(command) / ours[-1])
        ratio = f"{statistics.median(ratios):6.2f} x" if ratios else ""
        sys.stdout.write(f"{command:35} {statistics.median(ours) * 1000:8.1f} ms {ratio}\n")
        sys.stdout.flush()
    if other is not None:
        other.stop()


if __name__ == "__main__":
    main()
