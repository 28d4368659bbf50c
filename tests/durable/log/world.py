"""A data folder on a disk that forgets, with a writer, readers, and what they were answered."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from random import Random

from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.log.names import base_name
from mailhost.durable.log.recovery import recover
from mailhost.durable.log.writer_log import WriterLog
from mailhost.interfaces.changes import Change, LinkedFile, NewFile, RemovedFile, RenamedFile
from mailhost.message.content import Content
from tests.durable.fake_disk import Crash
from tests.durable.log.forgetful_disk import ForgetfulDisk

DATA = "/data"
ACCOUNTS = (f"{DATA}/mail/a/ann", f"{DATA}/mail/a/bob")
QUEUE = f"{DATA}/queue"
SEGMENT = 8192  # octets
LARGEST = 600  # octets of a file that goes to the log
KINDS = ("write_durably", "sync_everything", "rename", "create", "sync_folder", "sync")  # that fail


class Later:
    """Work that has its effect when it begins or when it ends, by chance."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._work: Callable[[], None] | None = None
        self._error: Exception | None = None
        self.busy = False

    def start(self, work: Callable[[], None]) -> None:
        self.busy, self._work, self._error = True, work, None
        if self._random.random() < 0.5:
            self._do()

    def _do(self) -> None:
        work, self._work = self._work, None
        if work is not None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - as Background
                self._error = error

    def end(self) -> Exception | None:
        self._do()
        self.busy = False
        return self._error


@dataclass
class Message:
    """What is known of a file by its content. `state` is "there", "gone", or "unsure"."""

    content: bytes
    state: str


class World:
    """`messages` has all files that were ever asked for."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.disk = ForgetfulDisk(random, f"{DATA}/mail/a", QUEUE)
        self.now = 0.0
        self.number = 0
        self.messages: dict[str, Message] = {}
        self.states: dict[str, set[bytes | None]] = {}  # what a file of the queue may be
        self.lines: list[str] = []
        self.start()

    # --- processes -------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the host."""
        recover(self.disk, DATA, self.lines.append, SEGMENT)
        self.start_writer()

    def start_writer(self) -> None:
        self.later = Later(self.random)
        self.writer = WriterLog(
            self.disk, DATA, set(), self.later, self.lines.append, lambda: self.now, SEGMENT
        )
        self.others = BlockingCommitter(self.disk, self.settle)
        if self.random.random() < 0.8:
            self.writer.turn()
            self.writer.end()

    def settle(self, names: Collection[str]) -> None:
        answers: list[OSError | None] = []
        self.writer.settle(names, answers.append)
        for _ in range(20):
            if answers:
                break
            self.writer.end()
        (error,) = answers
        if error is not None:
            raise error

    # --- asking ----------------------------------------------------------------------------------

    def ask(self, commit: Callable[[Sequence[Change]], Sequence[OSError | None]]) -> None:
        """Ask for some changes. After a crash it is unknown which were made."""
        changes, done, failed = self._changes()
        for each in failed:
            each(None)
        self.lines.clear()
        for index, error in enumerate(commit(changes)):
            if error is None:
                done[index](None)
            else:
                failed[index](error)

    def _changes(self) -> tuple[list[Change], list[Callable[..., None]], list[Callable[..., None]]]:
        changes: list[Change] = []
        done, failed = [], []
        used: set[str] = set()
        for _ in range(self.random.randint(1, 4)):
            change, good, bad = self.random.choice(
                (self._new, self._new, self._state, self._remove)
            )()
            name = base_name(change.path if isinstance(change, RemovedFile) else change.final)  # type: ignore[union-attr]
            if name not in used:
                used.add(name)
                changes.append(change)
                done.append(good)
                failed.append(bad)
        return changes, done, failed

    def _content(self, name: str) -> bytes:
        size = self.random.choice((0, 10, 100, LARGEST + 100))
        return f"<{name}>".encode() + bytes(self.random.choice(b"xyz") for _ in range(size))

    def _name(self) -> str:
        self.number += 1
        return f"m{self.number}"

    def _new(self) -> tuple[Change, Callable[..., None], Callable[..., None]]:
        name = self._name()
        account = self.random.choice(ACCOUNTS)
        folder = self.random.choice((account, account, f"{account}/.Folder"))
        message = self.messages[name] = Message(self._content(name), "unsure")
        change = NewFile(
            f"{folder}/tmp/{name}",
            f"{folder}/new/{name}",
            (Content((message.content,)),),
            beside=f"{folder}/cur",
        )
        return change, self._become(message, "there"), self._refuse(message, change.final)

    def _state(self) -> tuple[Change, Callable[..., None], Callable[..., None]]:
        path = f"{QUEUE}/{self.random.randint(1, 3)}.state"
        content = self._content(self._name())
        temporary = f"{path}.{self.number}.tmp"
        change = NewFile(temporary, path, (Content((content,)),), replaces=True)
        return change, self._set(path, content, False), self._set(path, content, True)

    def _remove(self) -> tuple[Change, Callable[..., None], Callable[..., None]]:
        present = self.present()
        if self.random.random() < 0.3 or not present:
            path = f"{QUEUE}/{self.random.randint(1, 3)}.state"
            return RemovedFile(path), self._set(path, None, False), self._set(path, None, True)
        path, name = self.random.choice(present)
        message = self.messages[name]
        return RemovedFile(path), self._become(message, "gone"), self._become(message, "unsure")

    def _become(self, message: Message, state: str) -> Callable[..., None]:
        def become(error: OSError | None) -> None:
            message.state = state

        return become

    def _refuse(self, message: Message, path: str) -> Callable[..., None]:
        """If the file system alone cannot bring a refused message back, nothing may, unless the
        operator was told that it may be there."""

        def become(error: OSError | None) -> None:
            told = any("may be there after a power cut" in line for line in self.lines)
            unsure = error is None or told or self.disk.may_have(path)
            message.state = "unsure" if unsure else "gone"

        return become

    def _set(self, path: str, content: bytes | None, unsure: bool) -> Callable[..., None]:
        def become(error: OSError | None) -> None:
            before = self.states.setdefault(path, {None})
            self.states[path] = {content, *before} if unsure else {content}

        return become

    def present(self) -> list[tuple[str, str]]:
        """The messages that readers see: their paths and names."""
        found = []
        for path, octets in self.disk.files().items():
            if path.startswith(f"{DATA}/mail") and "/tmp/" not in path and not _is_copy(path):
                found.append((path, octets[1 : octets.find(b">")].decode()))
        return [(path, name) for path, name in found if self.messages[name].state == "there"]

    # --- readers ---------------------------------------------------------------------------------

    def read(self) -> None:
        """A reader renames a message, from new/ to cur/ or to other flags, without a sync."""
        present = [each for each in self.present() if "mailhost-expunged" not in each[0]]
        if present:
            path, _ = self.random.choice(present)
            folder = os.path.dirname(os.path.dirname(path))
            flags = self.random.choice(("", "S", "FS"))
            new = f"{folder}/cur/{base_name(path)}:2,{flags}"
            if new != path:
                self.disk.rename(path, new)

    def move(self) -> None:
        """A reader moves a message to another folder by another base name."""
        present = [each for each in self.present() if "mailhost-expunged" not in each[0]]
        if present:
            path, _ = self.random.choice(present)
            maildir = os.path.dirname(os.path.dirname(path))
            account = maildir.removesuffix("/.Folder")
            target = self.random.choice((f"{account}/.Other", account))
            commit = self.random.choice((self.others.commit, self.writer.run))
            commit([RenamedFile(path, f"{target}/cur/{self._name()}x:2,")])

    def expunge(self) -> None:
        """A reader expunges a message, which is kept."""
        present = [each for each in self.present() if "mailhost-expunged" not in each[0]]
        if present:
            path, _ = self.random.choice(present)
            account = os.path.dirname(os.path.dirname(path)).split("/.")[0]
            kept = f"{account}/mailhost-expunged/12,/{os.path.basename(path)}"
            self.others.commit([RenamedFile(path, kept)])

    def copy(self) -> None:
        """A reader copies a message by a link, and removes the copy by the writer."""
        present = [each for each in self.present() if "mailhost-expunged" not in each[0]]
        if present:
            path, _ = self.random.choice(present)
            copy = f"{os.path.dirname(os.path.dirname(path))}/cur/{self._name()}c:2,"
            (error,) = self.others.commit([LinkedFile(path, copy)])
            if error is None and self.writer.run([RemovedFile(copy)]) != [None]:
                self.others.commit([RemovedFile(copy)])

    def rename_folder(self) -> None:
        """A reader renames a folder with its messages."""
        account = self.random.choice(ACCOUNTS)
        number = self._name()
        if self.disk.is_folder(f"{account}/.Other"):
            self.settle(())
            self.disk.rename(f"{account}/.Other", f"{account}/.{number}")
            self.settle(())
            self.disk.sync_folder(account)

    # --- what happens ----------------------------------------------------------------------------

    def pass_time(self) -> None:
        """Time passes for the writer's loop."""
        self.now += self.random.choice((0.1, 1.0, 11.0))
        if self.later.busy and self.random.random() < 0.7:
            self.writer.end()
        self.writer.turn()

    def kill_writer(self) -> None:
        """The writer dies, and another one starts; the machine goes on."""
        for fd in list(self.disk.locks):
            del self.disk.locks[fd]
        self.start_writer()

    def kill_host(self) -> None:
        """All processes die, and another program removes a message before the host starts again:
        it does not come back, as the machine goes on."""
        self.disk.kill()
        present = self.present()
        if present:
            path, name = self.random.choice(present)
            self.disk.remove(path)
            self.messages[name].state = "gone"
        self.start()
        self.check()
        if present:
            self.messages[name].state = "unsure"  # the other program has synced nothing

    def cut_power(self) -> None:
        """Cut the power, again while the host recovers, and check what is there then."""
        for _ in range(self.random.choice((0, 0, 1, 2))):
            self.disk.cut_power()
            self.disk.crash_at = len(self.disk.calls) + self.random.randint(0, 60)
            try:
                recover(self.disk, DATA, self.lines.append, SEGMENT)
            except Crash:
                continue
        self.disk.cut_power()
        recover(self.disk, DATA, self.lines.append, SEGMENT)
        self.check()
        self.start_writer()

    def fail_soon(self) -> None:
        """Some calls will fail."""
        disk = self.disk
        disk.fail_at = len(disk.calls) + self.random.randint(0, 30)
        disk.failures = self.random.choice((1, 1, 2, 10))
        disk.only = self.random.choice(("", "write_durably", "sync_everything", "rename"))
        for _ in range(self.random.choice((0, 1, 2, 3))):
            disk.failing[self.random.choice(KINDS)] = self.random.choice((1, 1, 2, 10))
            disk.fail_at = -1
        number = self.random.choice((errno.EIO, errno.ENOSPC))
        disk.error = OSError(number, os.strerror(number))

    def heal(self) -> None:
        """No call fails any more."""
        self.disk.fail_at = -1
        self.disk.failing = {}

    # --- what must hold --------------------------------------------------------------------------

    def check(self) -> None:
        """Each message that was answered is there once and whole; what is unsure is whole or not
        there; what was removed is not there."""
        found: dict[str, list[str]] = {}
        for path, octets in self.disk.files().items():
            if path.startswith(f"{DATA}/mail") and "/tmp/" not in path:
                name = octets[1 : octets.find(b">")].decode() if b">" in octets else ""
                assert name in self.messages, f"{path} is torn: {octets[:40]!r}"
                assert octets == self.messages[name].content, f"{path} is torn: {octets[:40]!r}"
                if not _is_copy(path):
                    found.setdefault(name, []).append(path)
        for name, message in self.messages.items():
            paths = found.get(name, [])
            if message.state == "there":
                assert len(paths) == 1, f"{name} was answered, and is at {paths}"
            elif message.state == "gone":
                assert not paths, f"{name} was removed, and is at {paths}"
            else:
                assert len(paths) <= 1, f"{name} is unsure, and is at {paths}"
                message.state = "there" if paths else "gone"
        for path, allowed in self.states.items():
            octets = self.disk.files().get(path)  # type: ignore[assignment]
            assert octets in allowed, f"{path} has {octets!r}, and not one of {allowed}"
            self.states[path] = {octets}


def _is_copy(path: str) -> bool:
    return base_name(path).endswith("c")
