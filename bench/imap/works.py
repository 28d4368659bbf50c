"""The measured work: each work is a function of a host and the sizes, and returns seconds."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

from bench.imap.client import Client
from bench.imap.hosts import Host
from bench.imap.mail import Filler, message
from bench.load import DOMAIN

APPENDED = message(1, 4096, seed=7)
NEW = 5  # messages that a phone finds
PARALLEL = 50  # phones at once


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many messages each work has. `scaled` makes a shorter run."""

    large: int = 100_000
    envelopes: int = 10_000
    stored: int = 10_000
    copied: int = 5_000
    small: int = 5_000
    heavy: int = 50
    heavy_octets: int = 5_000_000
    appended: int = 1_000
    searched: int = 20_000
    phones: int = 50
    phone_mail: int = 1_000

    def scaled(self, factor: float) -> Sizes:
        """Return smaller sizes; phones stay as many."""
        counted: tuple[str, ...] = ("large", "envelopes", "stored", "copied", "small", "heavy")
        counted += ("appended", "searched", "phone_mail")
        return replace(self, **{name: self._scaled(name, factor) for name in counted})

    def _scaled(self, name: str, factor: float) -> int:
        count: int = getattr(self, name)
        return max(int(count * factor), 10)


def users(sizes: Sizes, rounds: int) -> list[str]:
    """Return the names of all accounts."""
    return [
        "large", "stored", "small", "heavy", "searched",
        *(f"adopted{number}" for number in range(rounds)),
        *(f"phone{number}" for number in range(sizes.phones)),
    ]  # fmt: skip


def fill(host: Host, filler: Filler, sizes: Sizes, rounds: int) -> None:
    """Make the mail of all accounts."""
    counts = {
        "large": (sizes.large, 4096),
        "stored": (max(sizes.stored, sizes.copied), 4096),
        "small": (sizes.small, 4096),
        "heavy": (sizes.heavy, sizes.heavy_octets),
        "searched": (sizes.searched, 4096),
        **{f"adopted{number}": (sizes.large, 4096) for number in range(rounds)},
        **{f"phone{number}": (sizes.phone_mail, 4096) for number in range(sizes.phones)},
    }
    for user, (count, size) in counts.items():
        distinct = {"small": sizes.small, "searched": 2000}.get(user, 400)
        filler.fill(host.maildir(user), count, size, distinct)
        filler.own(host.maildir(user))


@contextmanager
def logged_in(host: Host, user: str, select: bool = True) -> Iterator[Client]:
    """A session, with the inbox selected."""
    with closing(Client(host.imap, f"{user}@{DOMAIN}")) as client:
        if select:
            client.ask("SELECT INBOX")
        yield client


def timed(client: Client, *commands: str) -> float:
    """Return the seconds that commands take."""
    begun = time.perf_counter()
    for command in commands:
        client.ask(command)
    return time.perf_counter() - begun


def first_select(host: Host, _: Sizes, number: int) -> float:
    """The first look at a Maildir with mail in it."""
    with logged_in(host, f"adopted{number}", select=False) as client:
        return timed(client, "SELECT INBOX")


def select(host: Host, _: Sizes, __: int) -> float:
    """A new session each time."""
    with logged_in(host, "large") as client:
        client.ask("CLOSE")
    with logged_in(host, "large", select=False) as client:
        return timed(client, "SELECT INBOX")


def fetch_flags(host: Host, _: Sizes, __: int) -> float:
    """All flags."""
    with logged_in(host, "large") as client:
        return timed(client, "FETCH 1:* (UID FLAGS)")


def fetch_envelopes(host: Host, sizes: Sizes, number: int) -> float:
    """Twice in the first round, as it is warm that counts."""
    command = f"FETCH 1:{sizes.envelopes} (ENVELOPE BODYSTRUCTURE)"
    with logged_in(host, "large") as client:
        if not number:
            client.ask(command)
        return timed(client, command)


def fetch_small(host: Host, _: Sizes, __: int) -> float:
    """Whole messages."""
    with logged_in(host, "small") as client:
        return timed(client, "FETCH 1:* BODY.PEEK[]")


def fetch_heavy(host: Host, _: Sizes, __: int) -> float:
    """Large messages."""
    with logged_in(host, "heavy") as client:
        return timed(client, "FETCH 1:* BODY.PEEK[]")


def store(host: Host, sizes: Sizes, _: int) -> float:
    """Flags set, and unset when the time was taken."""
    with logged_in(host, "stored") as client:
        seconds = timed(client, f"STORE 1:{sizes.stored} +FLAGS (\\Flagged)")
        client.ask(f"STORE 1:{sizes.stored} -FLAGS.SILENT (\\Flagged)")
        return seconds


def copy(host: Host, sizes: Sizes, number: int) -> float:
    """Into a new folder, which is removed."""
    name = f"copies{number}"
    with logged_in(host, "stored") as client:
        client.ask(f"CREATE {name}")
        seconds = timed(client, f"COPY 1:{sizes.copied} {name}")
        client.ask(f"DELETE {name}")
        return seconds


def move(host: Host, sizes: Sizes, number: int) -> float:
    """Into a new folder, and back when the time was taken."""
    name = f"moved{number}"
    with logged_in(host, "stored") as client:
        client.ask(f"CREATE {name}")
        seconds = timed(client, f"MOVE 1:{sizes.copied} {name}")
        client.ask(f"SELECT {name}")
        client.ask("MOVE 1:* INBOX")
        client.ask("CLOSE")
        client.ask(f"DELETE {name}")
        return seconds


def append(host: Host, sizes: Sizes, number: int) -> float:
    """One by one, each safe on disk before the next. Nothing is removed: ext4 would pass over the
    inodes of the removed files in the next round."""
    name = f"appended{number}"
    with logged_in(host, "small", select=False) as client:
        client.ask(f"CREATE {name}")
        begun = time.perf_counter()
        for _ in range(sizes.appended):
            client.ask(f"APPEND {name} (\\Seen)", APPENDED)
        return time.perf_counter() - begun


def search(host: Host, _: Sizes, __: int) -> float:
    """A word that no message has."""
    with logged_in(host, "searched") as client:
        return timed(client, "SEARCH TEXT zeppelin")


def phones(host: Host, sizes: Sizes, _: int) -> float:
    """All phones look for new mail at the same time."""
    names = [f"phone{number}" for number in range(sizes.phones)]
    with ThreadPoolExecutor(PARALLEL) as pool:
        known = list(pool.map(lambda name: _state_before_new_mail(host, name), names))
        begun = time.perf_counter()
        for done in [
            pool.submit(_phone, host, name, state) for name, state in zip(names, known, strict=True)
        ]:
            done.result()
        return time.perf_counter() - begun


def _state_before_new_mail(host: Host, user: str) -> tuple[int, int, int]:
    """Return UIDVALIDITY, HIGHESTMODSEQ and UIDNEXT, and add new mail."""
    with logged_in(host, user, select=False) as client:
        client.ask("ENABLE QRESYNC")
        answer = client.ask("SELECT INBOX")
        validity, modseq, uid_next = (
            int(_number(answer, code)) for code in (b"UIDVALIDITY", b"HIGHESTMODSEQ", b"UIDNEXT")
        )
        for _ in range(NEW):
            client.ask("APPEND INBOX", APPENDED)
        return validity, modseq, uid_next


def _number(answer: bytes, code: bytes) -> bytes:
    match = re.search(rb"\[%b (\d+)" % code, answer)
    assert match, answer
    return match[1]


def _phone(host: Host, user: str, known: tuple[int, int, int]) -> None:
    """One session: what is new, and wait for more."""
    validity, modseq, uid_next = known
    with logged_in(host, user, select=False) as client:
        client.ask("ENABLE QRESYNC")
        client.ask(f"SELECT INBOX (QRESYNC ({validity} {modseq}))")
        client.ask(f"UID FETCH {uid_next}:* (UID FLAGS ENVELOPE BODYSTRUCTURE RFC822.SIZE)")
        client.ask(f"UID FETCH {uid_next}:* (BODY.PEEK[])")
        client.begin_idle()
        client.end_idle()
        client.ask("LOGOUT")


@dataclass(frozen=True, slots=True)
class Work:
    """A row of the table. `least` and `aim` are Dovecot's time divided by ours."""

    name: str
    run: Callable[[Host, Sizes, int], float]
    least: float
    aim: float


def works(sizes: Sizes) -> list[Work]:
    """Return all rows."""
    octets = f"{sizes.heavy_octets / 1e6:.0f} MB"
    return [
        Work(f"first SELECT of {sizes.large:,} messages", first_select, 0.3, 0.5),
        Work(f"SELECT of {sizes.large:,} messages, warm", select, 1, 3),
        Work(f"FETCH 1:* (UID FLAGS) of {sizes.large:,}", fetch_flags, 0.7, 1),
        Work(f"FETCH (ENVELOPE BODYSTRUCTURE) of {sizes.envelopes:,}, warm", fetch_envelopes, 1, 2),
        Work(f"FETCH BODY.PEEK[] of {sizes.small:,} of 4 KB", fetch_small, 0.7, 1),
        Work(f"FETCH BODY.PEEK[] of {sizes.heavy:,} of {octets}", fetch_heavy, 0.7, 1),
        Work(f"STORE +FLAGS of {sizes.stored:,}", store, 1, 2),
        Work(f"COPY of {sizes.copied:,}", copy, 1, 2),
        Work(f"MOVE of {sizes.copied:,}", move, 1, 2),
        Work(f"APPEND of {sizes.appended:,}, one by one", append, 1, 2),
        Work(f"SEARCH TEXT in {sizes.searched:,}", search, 0.7, 1),
        Work(f"{sizes.phones} phones' sessions, QRESYNC and IDLE", phones, 1, 2),
    ]
