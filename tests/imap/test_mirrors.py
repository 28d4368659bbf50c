"""Random commands from several sessions on one mailbox: what each client makes of the answers is
what the store has (RFC 9051 section 5.2, RFC 7162)."""

from __future__ import annotations

import os
import re
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.folders import FolderView, IFolder
from mailhost.message.flags import flag_names
from tests.fakes import now
from tests.imap.host import ANN, Host

FLAGS = ("\\Seen", "\\Flagged", "\\Deleted", "Work")
_FETCH = re.compile(r"\* (\d+) FETCH \((.*)\)")
_ITEM = re.compile(r"UID (\d+)|FLAGS \(([^)]*)\)|MODSEQ \((\d+)\)")


class Message:
    """The knowledge of a client about a message; None for items that it does not know."""

    def __init__(self) -> None:
        self.uid: int | None = None
        self.flags: set[str] | None = None


class Mirror:
    """A client that believes what it is told."""

    def __init__(self, host: Host, qresync: bool) -> None:
        self.host = host
        self.qresync = qresync
        self.messages: list[Message] = []
        self.seen = 0  # the highest MODSEQ
        self.known = 0  # the MODSEQ up to which all is known
        self.validity = 0
        self.idling = False
        self.selecting = False
        self.kept: dict[int, set[str] | None] = {}  # what it knew before a new connection
        self.begin()

    def begin(self, resync: bool = False) -> None:
        """A new connection. With `resync` the client goes on from what it knows of UIDs."""
        self.kept = {each.uid: each.flags for each in self.messages if each.uid is not None}
        self.messages = []
        self.talk = self.host.talk()
        self.talk.log_in()
        if self.qresync:
            self.say("e ENABLE QRESYNC")
        more = f" (QRESYNC ({self.validity} {self.known}))" if resync else ""
        self.selecting = True
        answer = self.say(f"s SELECT INBOX{more}")
        self.selecting = False
        self.validity = int(answer.split("UIDVALIDITY ")[1].split("]")[0])
        self.known = self.seen
        self.say("f UID FETCH 1:* (UID)" if resync else "f UID FETCH 1:* (FLAGS)")
        if resync:
            uids = {message.uid for message in self.messages}
            assert uids >= self.kept.keys(), (uids, self.kept)
            for message in self.messages:
                assert message.uid is not None
                message.flags = self.kept.get(message.uid)

    def end(self) -> None:
        """The connection is lost."""
        self.idling = False
        self.talk.lost()

    def say(self, line: str, *more: str) -> str:
        """Send a command; take in what comes back."""
        answer = self.talk.send(line, *more)
        gone_allowed = not re.match(r"\w+ (FETCH|STORE)", line)
        for each in answer.split("\r\n")[:-1]:
            self.take(each, gone_allowed)
        return answer

    def hear(self) -> None:
        """Take in what comes without a command."""
        for each in self.talk.wire.take().decode().split("\r\n")[:-1]:
            self.take(each, self.idling)

    def take(self, line: str, gone_allowed: bool) -> None:
        """Take in a line."""
        if found := re.match(r"\* (\d+) EXISTS", line):
            assert int(found[1]) >= len(self.messages), line
            self.messages += [Message() for _ in range(int(found[1]) - len(self.messages))]
        elif found := re.match(r"\* (\d+) EXPUNGE", line):
            assert gone_allowed, line
            del self.messages[int(found[1]) - 1]
        elif found := re.match(r"\* VANISHED (\(EARLIER\) )?([\d:,]+)", line):
            assert gone_allowed or found[1], line
            self.vanished(found[2], bool(found[1]))
        elif found := _FETCH.match(line):
            self.fetched(int(found[1]), found[2])
        if found := re.search(r"\[HIGHESTMODSEQ (\d+)\]", line):
            self.seen = max(self.seen, int(found[1]))

    def vanished(self, uids: str, earlier: bool) -> None:
        """Without `earlier` each UID is a message that the client was told of: if it does not know
        the UID, one of those whose UIDs it does not know."""
        for part in uids.split(","):
            first, _, last = part.partition(":")
            gone = range(int(first), int(last or first) + 1)
            if earlier:
                self.kept = {uid: flags for uid, flags in self.kept.items() if uid not in gone}
                continue
            before = len(self.messages)
            self.messages = [each for each in self.messages if each.uid not in gone]
            unknown = len(gone) - (before - len(self.messages))
            while unknown:
                self.messages.remove(next(each for each in self.messages if each.uid is None))
                unknown -= 1

    def fetched(self, number: int, items: str) -> None:
        message = self.messages[number - 1]
        if self.selecting and (uid := re.search(r"UID (\d+)", items)):
            flags = re.search(r"FLAGS \(([^)]*)\)", items)
            assert flags, items
            self.kept[int(uid[1])] = set(flags[1].split())
        for uid, flags, modseq in _ITEM.findall(items):
            if uid:
                assert message.uid in (None, int(uid)), (message.uid, uid)
                message.uid = int(uid)
            elif modseq:
                self.seen = max(self.seen, int(modseq))
            else:
                message.flags = set(flags.split())

    def check(self, view: FolderView) -> None:
        """After a NOOP all is as the store has it."""
        assert len(self.messages) == len(view.uids), (len(self.messages), view.uids)
        for place, message in enumerate(self.messages):
            assert message.uid in (None, view.uids[place]), (message.uid, view.uids)
            if message.flags is not None:
                names = set(flag_names(view.flags[place], view.keywords))
                assert message.flags == names, (place, message.flags, names)


def _store(mirror: Mirror, numbers: tuple[int, int], flag: int, how: str) -> None:
    """STORE; with .SILENT the client changes the flags that it knows itself."""
    count = len(mirror.messages)
    if not count:
        return
    first, last = sorted(number % count + 1 for number in numbers)
    sign, silent = how[0], how.endswith("SILENT")
    item = f"{'+' if sign == '+' else '-'}FLAGS{'.SILENT' if silent else ''}"
    before = mirror.messages[first - 1 : last]
    answer = mirror.say(f"t STORE {first}:{last} {item} ({FLAGS[flag]})")
    if not silent:
        return
    told = {int(number) for number in re.findall(r"\* (\d+) FETCH \([^\r]*FLAGS", answer)}
    for number, message in enumerate(before, first):
        if message.flags is None or number in told:
            continue
        if sign == "+":
            message.flags.add(FLAGS[flag])
        else:
            message.flags.discard(FLAGS[flag])


def _do(mirror: Mirror, name: str, numbers: tuple[int, int], flag: int) -> None:
    count = len(mirror.messages)
    if mirror.idling and name != "idle":
        mirror.idling = False
        mirror.say("DONE")
    if name.startswith("store"):
        _store(mirror, numbers, flag, name.removeprefix("store"))
    elif name == "append":
        mirror.say("a APPEND INBOX {3+}", "abc")
    elif name == "expunge":
        mirror.say("x EXPUNGE")
    elif name == "idle":
        mirror.say("DONE" if mirror.idling else "i IDLE")
        mirror.idling = not mirror.idling
    elif name == "noop":
        mirror.say("n NOOP")
        mirror.known = mirror.seen
    elif name == "again" and mirror.qresync:
        mirror.end()
        mirror.begin(resync=True)
    elif count and name == "fetch":
        mirror.say(f"f FETCH {numbers[0] % count + 1} (UID FLAGS)")
    elif count and name == "copy":
        mirror.say(f"c COPY {numbers[0] % count + 1} INBOX")
    elif count and name == "move":
        mirror.say(f"m MOVE {numbers[0] % count + 1} Trash")


NAMES = (
    "store+", "store-", "store+SILENT", "store-SILENT", "append", "expunge", "idle", "noop",
    "again", "fetch", "copy", "move",
)  # fmt: skip
STEPS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(NAMES),
        st.tuples(st.integers(0, 5), st.integers(0, 5)),
        st.integers(0, len(FLAGS) - 1),
    ),
    max_size=30,
)


class MirrorTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=60)
    @given(STEPS)
    def test_clients_and_store_agree(self, steps: list[Any]) -> None:
        host = Host(os.path.abspath(self.mktemp()))
        host.deliver("INBOX", *[b"Subject: x\r\n\r\n"] * 3)
        mirrors = [Mirror(host, qresync=number == 2) for number in range(3)]
        for which, name, numbers, flag in steps:
            _do(mirrors[which], name, numbers, flag)
            for mirror in mirrors:
                mirror.hear()
        folder = cast(IFolder, now(host.store.account(ANN).open("INBOX")))
        for mirror in mirrors:
            _do(mirror, "noop", (0, 0), 0)
            mirror.check(cast(FolderView, now(folder.view())))
        _do(mirrors[2], "again", (0, 0), 0)
        mirrors[2].check(cast(FolderView, now(folder.view())))
