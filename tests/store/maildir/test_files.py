"""Which files are messages, while other tools move them under our eyes."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

from twisted.trial.unittest import SynchronousTestCase

from mailhost.store.maildir.files import (
    MOST_READINGS,
    STALE,
    MessageFile,
    located,
    message_files,
    stale_files,
)

LONG_AGO = 1_500_000_000


class FilesCase(SynchronousTestCase):
    """`path` is a Maildir."""

    def setUp(self) -> None:
        self.path = self.mktemp()
        for place in ("new", "cur", "tmp"):
            os.makedirs(os.path.join(self.path, place))

    def put(self, name: str, place: str = "cur", data: bytes = b"x\n") -> str:
        """Put a file there and return its path."""
        path = os.path.join(self.path, place, name)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def rename(self, name: str, new: str) -> None:
        """Give a file in cur/ another name."""
        cur = os.path.join(self.path, "cur")
        os.rename(os.path.join(cur, name), os.path.join(cur, new))

    def names(self) -> list[str]:
        """The names of all messages, as they come."""
        return [entry.name for entry, _ in message_files(self.path)]

    def when_read(self, *does: Callable[[], object]) -> list[str]:
        """Let these happen one by one just after cur/ was read: what they make is missed, and so
        is whatever has gone by then. Returns a list that grows by each reading."""
        scandir, waiting, read = os.scandir, list(does), list[str]()

        class Reading:
            def __init__(self, path: str) -> None:
                with scandir(path) as entries:
                    self.entries = list(entries)
                if path.endswith("cur"):
                    read.append(path)
                    if waiting:
                        waiting.pop(0)()
                        os.utime(path, (LONG_AGO, LONG_AGO + len(read)))
                    self.entries = [each for each in self.entries if os.path.exists(each.path)]

            def __enter__(self) -> list[os.DirEntry[str]]:
                return self.entries

            def __exit__(self, *_: object) -> None:
                pass

        cur = os.path.join(self.path, "cur")
        os.utime(cur, (LONG_AGO, LONG_AGO))
        self.patch(os, "scandir", Reading)
        return read


class MessageFilesTests(FilesCase):
    def test_no_maildir_yet(self) -> None:
        self.path = self.mktemp()
        self.assertEqual(self.names(), [])

    def test_half_a_maildir(self) -> None:
        os.rmdir(os.path.join(self.path, "new"))
        self.put("msg.1:2,S")
        self.assertEqual(self.names(), ["msg.1:2,S"])

    def test_a_big_folder(self) -> None:
        names = {f"{number}.M1P1.x,S=2,W=3:2,S" for number in range(5000)}
        for name in names:
            self.put(name)
        found = self.names()
        self.assertEqual(len(found), 5000)
        self.assertEqual(set(found), names)

    def test_what_is_no_message(self) -> None:
        self.put("msg.1")
        self.put(".hidden")
        self.put("msg.2", "tmp")
        cur = os.path.join(self.path, "cur")
        os.mkdir(os.path.join(cur, "folder"))
        os.mkfifo(os.path.join(cur, "pipe"))
        os.symlink("nowhere", os.path.join(cur, "dangling"))
        os.symlink("loop", os.path.join(cur, "loop"))
        self.assertEqual(self.names(), ["msg.1"])

    def test_a_folder_that_stays_as_it_is_is_read_once(self) -> None:
        self.put("msg.1")
        read = self.when_read()
        self.assertEqual(self.names(), ["msg.1"])
        self.assertEqual(len(read), 1)

    def test_one_that_is_renamed_while_the_folder_is_read(self) -> None:
        self.put("msg.1:2,")
        self.put("msg.2:2,")
        read = self.when_read(lambda: self.rename("msg.1:2,", "msg.1:2,S"))
        self.assertEqual(sorted(self.names()), ["msg.1:2,S", "msg.2:2,"])
        self.assertEqual(len(read), 2)

    def test_the_last_place_where_it_was_seen_comes_last(self) -> None:
        self.put("msg.1:2,S")
        self.put("msg.2")

        def change() -> None:
            self.rename("msg.1:2,S", "msg.1:2,")
            self.put("msg.1:2,S")  # it stays visible under the old name as well

        self.when_read(change, lambda: os.unlink(os.path.join(self.path, "cur", "msg.1:2,S")))
        self.assertEqual([name for name in self.names() if "1" in name][-1], "msg.1:2,")

    def test_a_folder_that_never_rests_is_read_a_few_times(self) -> None:
        self.put("msg.0")
        renames = [partial(self.rename, f"msg.{n}", f"msg.{n + 1}") for n in range(100)]
        read = self.when_read(*renames)
        self.names()
        self.assertEqual(len(read), MOST_READINGS)

    def test_moved_from_new_to_cur_after_new_was_read(self) -> None:
        self.put("msg.1", "new")
        found: list[tuple[str, bool]] = []
        for entry, name in message_files(self.path):
            if not found:
                os.rename(entry.path, os.path.join(self.path, "cur", "msg.1:2,"))
            found.append((name.unique, os.path.exists(entry.path)))
        self.assertEqual(found, [("msg.1", False), ("msg.1", True)])


class LocatedTests(FilesCase):
    def test_those_that_are_wanted(self) -> None:
        one, two = self.put("msg.1:2,S"), self.put("msg.2,S=1,W=2", "new")
        self.put("msg.3")
        wanted = {"msg.1", "msg.2", "msg.4"}
        files = located(self.path, wanted)
        self.assertEqual(files, [MessageFile("msg.2", two, 1), MessageFile("msg.1", one, 2)])
        self.assertEqual(located(self.path, set()), [])

    def test_by_the_id_that_was_told(self) -> None:
        path = self.put("a letter")
        unique = "dbbaf9d2a3ecd6cf6e2f2f2ad1a1bbb1"
        self.assertEqual(located(self.path, {unique}), [])
        (file,) = located(self.path, _Everything())
        self.assertRegex(file.unique, "^[0-9a-f]{40}$")
        self.assertEqual(file.path, path)
        self.assertEqual(located(self.path, {file.unique}), [file])

    def test_one_that_lies_there_twice(self) -> None:
        path = self.put("msg.1:2,")
        os.link(path, os.path.join(self.path, "new", "msg.1"))
        self.assertEqual(len(located(self.path, {"msg.1"})), 2)


class _Everything(set[str]):
    def __contains__(self, _: object) -> bool:
        return True


class StaleTests(FilesCase):
    def stale(self, now: float) -> list[str]:
        """The names of stale files."""
        return sorted(map(os.path.basename, stale_files(self.path, now)))

    def test_after_36_hours(self) -> None:
        for name, age in (("old", 1), ("older", 2), ("young", 0)):
            path = self.put(name, "tmp")
            os.utime(path, (0, LONG_AGO - age))
        self.assertEqual(STALE, 36 * 3600)
        self.assertEqual(self.stale(LONG_AGO + STALE), ["old", "older"])
        self.assertEqual(self.stale(LONG_AGO), [])

    def test_only_files(self) -> None:
        os.mkdir(os.path.join(self.path, "tmp", "folder"))
        os.symlink("nowhere", os.path.join(self.path, "tmp", "dangling"))
        self.assertEqual(self.stale(2 * LONG_AGO), [])

    def test_what_cannot_be_read_waits(self) -> None:
        os.rmdir(os.path.join(self.path, "tmp"))
        self.assertEqual(self.stale(2 * LONG_AGO), [])
        with open(os.path.join(self.path, "tmp"), "wb"):
            pass
        self.assertEqual(self.stale(2 * LONG_AGO), [])
