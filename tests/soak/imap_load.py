"""IMAP clients that append, flag, copy, move and expunge messages of their own, in folders that
they share, and read those of all others."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Sequence
from functools import partial
from random import Random

from tests.soak.crowd import Crowd
from tests.soak.imap_client import ImapClient
from tests.soak.imap_ledger import FLAGS, ImapLedger, Place, Seen
from tests.soak.message import identity_of, make

ACCOUNTS = ("ann@example.org", "bob@example.org")
ROAMING = ("Roam/here", "Roam/there")  # one folder, which is renamed from one to the other
FOLDERS = ("INBOX", "Archive", *ROAMING)
SIZES = (200, 200, 5_000, 150_000)
DONE, UNKNOWN, REFUSED = "done", "unknown", "refused"

_VALIDITY = re.compile(rb"UIDVALIDITY (\d+)")
_MODSEQ = re.compile(rb"HIGHESTMODSEQ (\d+)")
_APPENDUID = re.compile(rb"APPENDUID (\d+) (\d+)")
_COPYUID = re.compile(rb"COPYUID (\d+) (\d+) (\d+)\]")
_FETCH = re.compile(rb"\* \d+ FETCH \(UID (\d+) FLAGS \(([^)]*)\) BODY\[\] ")
_NOT_DONE = (b"[NONEXISTENT]", b"[TRYCREATE]", b"[ALREADYEXISTS]")


class Session:
    """One connection, with a folder selected."""

    def __init__(self, client: ImapClient, account: str, ledger: ImapLedger) -> None:
        self.client = client
        self.account = account
        self.uid_validity = 0
        self.read_all = False  # the last `look` saw every message
        self._ledger = ledger
        self._known = dict[str, int]()  # the UIDVALIDITY that a folder had last

    def select(self, folder: str) -> bool:
        """Select a folder; False where there is none, as it has its other name."""
        key = self._known.get(folder, 0)
        before = self._ledger.modseq(self.account, key)
        lines = self.client.ask(f"SELECT {folder} (CONDSTORE)")
        text = b"".join(lines)
        if lines[-1].split()[1:2] != [b"OK"]:
            self.uid_validity = 0
            return False
        self.uid_validity = self._known[folder] = number(_VALIDITY, text)
        before = before if self.uid_validity == key else 0
        modseq = number(_MODSEQ, text)
        self._ledger.saw_modseq(self.account, self.uid_validity, before, modseq)
        return True

    def look(self) -> dict[Place, Seen]:
        """Fetch all messages; none where the folder has got its other name just now."""
        found, lines = {}, self.client.ask("UID FETCH 1:* (UID FLAGS BODY.PEEK[])")
        self.read_all = lines[-1].split()[1:2] == [b"OK"]
        for line in lines:
            match = _FETCH.match(line)
            if match is None:
                continue
            place = (self.account, self.uid_validity, int(match[1]))
            message = line[line.index(b"\r\n") + 2 :].rpartition(b")")[0]
            identity = identity_of(message) or f"a broken message: {line[:300]!r}"
            found[place] = Seen(identity, frozenset(match[2].decode().split()))
            self._ledger.saw(place, identity)
        return found


def number(pattern: re.Pattern[bytes], text: bytes) -> int:
    """Return the first number of a reply."""
    found = pattern.search(text)
    if found is None:
        raise AssertionError(f"no {pattern.pattern!r} in {text!r}")
    return int(found[1])


class ImapLoad:
    """`clients` threads, and one that renames the folder that roams."""

    def __init__(self, port: int, clients: int, seed: int, ledger: ImapLedger) -> None:
        self.ledger = ledger
        self.troubles: list[str] = []  # of the test itself, and replies that are wrong
        self._port = port
        workers = [
            partial(self._work, f"c{each}", Random(seed * 100 + each)) for each in range(clients)
        ]
        self._crowd = Crowd([*workers, self._rename])
        self.start = self._crowd.start
        self.stop = self._crowd.stop

    def _work(self, name: str, random: Random) -> None:
        owner = Owner(name, random, self.ledger)
        while not self._crowd.stopped.is_set():
            try:
                client = ImapClient(self._port, owner.account)
            except (OSError, AssertionError):
                time.sleep(0.05)  # the host is down for a moment
                continue
            session = Session(client, owner.account, self.ledger)
            try:
                while not self._crowd.stopped.is_set():
                    owner.act(session)
            except OSError:
                pass  # killed
            except Exception as fault:  # noqa: BLE001 - reported with the account
                self.troubles.append(f"{name}: {fault!r}")
            finally:
                client.close()

    def _rename(self) -> None:
        names = itertools.cycle((ROAMING, ROAMING[::-1]))
        while not self._crowd.stopped.is_set():
            old, new = next(names)
            for account in ACCOUNTS:
                try:
                    client = ImapClient(self._port, account)
                    client.ask(f"RENAME {old} {new}")
                    client.close()
                except (OSError, AssertionError):
                    time.sleep(0.05)
            self._crowd.stopped.wait(0.2)


class Owner:
    """A client with messages of its own; no other one changes them."""

    def __init__(self, name: str, random: Random, ledger: ImapLedger) -> None:
        self.account = ACCOUNTS[sum(name.encode()) % len(ACCOUNTS)]
        self._name = name
        self._random = random
        self._ledger = ledger
        self._numbers = itertools.count()
        self._owned: dict[Place, str] = {}

    def act(self, session: Session) -> None:
        """Select a folder and do some things there. Raises OSError where the connection breaks."""
        if not session.select(self._random.choice(FOLDERS)):
            return
        for _ in range(self._random.randrange(1, 6)):
            act = self._random.choice(
                (self._append, self._append, self._flag, self._copy, self._move, self._expunge)
            )
            act(session)
        if self._random.random() < 0.1:
            session.look()

    def _mine(self, session: Session) -> Sequence[Place]:
        key = (session.account, session.uid_validity)
        return [place for place in self._owned if place[:2] == key]

    def _chosen(self, session: Session) -> Place | None:
        mine = self._mine(session)
        return self._random.choice(mine) if mine else None

    def _run(self, session: Session, command: str | bytes) -> tuple[str, bytes]:
        """Return what became of a command, and its reply. UNKNOWN comes with the exception too."""
        kind = (command.encode() if isinstance(command, str) else command).split()
        name = kind[1 if kind[0] == b"UID" else 0].decode()
        try:
            reply = b"".join(session.client.ask(command))
        except OSError:
            self._ledger.unanswered[name] += 1
            return UNKNOWN, b""
        last = reply.splitlines()[-1]
        if last.split()[1] == b"OK":
            self._ledger.answered[name] += 1
            return DONE, reply
        self._ledger.unanswered[f"{name} refused"] += 1
        return (REFUSED if any(code in last for code in _NOT_DONE) else UNKNOWN), reply

    def _append(self, session: Session) -> None:
        identity = f"{self._name}-{next(self._numbers)}"
        message = make(identity, self._random.choice(SIZES))
        folder = self._random.choice(FOLDERS)
        text = f"APPEND {folder} (\\Flagged) {{{len(message)}+}}\r\n".encode() + message
        fate, reply = self._run(session, text)
        if fate == DONE:
            found = _APPENDUID.search(reply)
            assert found is not None, reply
            place = (session.account, int(found[1]), int(found[2]))
            self._ledger.added(identity, place, frozenset(("\\Flagged",)))
            self._owned[place] = identity
        elif fate == UNKNOWN:
            self._ledger.perhaps_added(identity)
            self._broken(reply)

    def _flag(self, session: Session) -> None:
        place = self._chosen(session)
        if place is None:
            return
        flags = frozenset(flag for flag in sorted(FLAGS) if self._random.random() < 0.5)
        text = f"UID STORE {place[2]} FLAGS ({' '.join(sorted(flags))})"
        identity = self._owned[place]
        fate, reply = self._run(session, text)
        if fate == DONE and b" FETCH " in reply:
            self._ledger.flagged(identity, place, flags)
        else:
            self._ledger.flagged(identity, place, None)
            self._broken(reply)

    def _copy(self, session: Session) -> None:
        place = self._chosen(session)
        if place is None:
            return
        identity = self._owned[place]
        fate, reply = self._run(session, f"UID COPY {place[2]} {self._random.choice(FOLDERS)}")
        after = self._copied(session, reply) if fate == DONE else None
        if after is not None:
            flags = self._ledger.messages[identity].places[place]
            self._ledger.added(identity, after)
            self._ledger.flagged(identity, after, flags)
            self._owned[after] = identity
        elif fate == UNKNOWN:
            self._ledger.perhaps_added(identity)
            self._broken(reply)

    def _move(self, session: Session) -> None:
        place = self._chosen(session)
        if place is None:
            return
        fate, reply = self._run(session, f"UID MOVE {place[2]} {self._random.choice(FOLDERS)}")
        after = self._copied(session, reply)
        if fate == DONE and after is not None:
            identity = self._owned.pop(place)
            self._ledger.moved(identity, place, after)
            self._owned[after] = identity
        elif fate != REFUSED:
            self._ledger.perhaps_moved(self._owned.pop(place), place)
            self._broken(reply)

    def _copied(self, session: Session, reply: bytes) -> Place | None:
        found = _COPYUID.search(reply)
        return (session.account, int(found[1]), int(found[3])) if found else None

    def _expunge(self, session: Session) -> None:
        place = self._chosen(session)
        if place is None or len(self._owned) < 20:
            return
        identity = self._owned[place]
        fate, reply = self._run(session, f"UID STORE {place[2]} +FLAGS.SILENT (\\Deleted)")
        if fate == DONE:
            fate, reply = self._run(session, f"UID EXPUNGE {place[2]}")
            if fate != REFUSED:
                record = self._ledger.expunged if fate == DONE else self._ledger.perhaps_expunged
                record(identity, place)
                del self._owned[place]
        self._broken(reply)

    def _broken(self, reply: bytes) -> None:
        """Leave a connection that has ended."""
        if not reply:
            raise ConnectionError


def found_in(port: int, ledger: ImapLedger) -> dict[Place, Seen]:
    """Return all messages of all accounts, as a client sees them that comes at the end."""
    found: dict[Place, Seen] = {}
    for account in ACCOUNTS:
        client = ImapClient(port, account)
        session = Session(client, account, ledger)
        for folder in FOLDERS:
            if session.select(folder):
                found |= session.look()
                if not session.read_all:
                    ledger.faults.append(f"{account} cannot read all of {folder} at the end")
        client.close()
    return found
