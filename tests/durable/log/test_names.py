"""Changes that are made without the log settle the files that the log may know."""

from __future__ import annotations

import errno
from collections.abc import Collection, Sequence
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.log.names import base_name, names_to_settle
from mailhost.durable.log.window import Window
from mailhost.interfaces.changes import (
    Change,
    LinkedFile,
    MadeFolder,
    NewFile,
    RemovedFile,
    RenamedFile,
    WrittenFile,
)
from mailhost.message.content import Content
from tests.durable.log.forgetful_disk import ForgetfulDisk

OCTETS = (Content((b"octets",)),)


class NameTests(SynchronousTestCase):
    def test_which_changes_settle_which_names(self) -> None:
        cases: Sequence[tuple[Change, tuple[str, ...]]] = (
            (NewFile("/a/tmp/1.x", "/a/new/1.x", OCTETS), ()),
            (NewFile("/a/tmp/1.x", "/a/new/1.x", OCTETS, again=True), ("1.x",)),
            (NewFile("/q/1.tmp", "/q/1.msg", OCTETS), ("1.msg",)),
            (NewFile("/q/1.tmp", "/q/1.state", OCTETS, replaces=True), ("1.state",)),
            (RemovedFile("/a/cur/1.x:2,S"), ("1.x",)),
            (RenamedFile("/a/new/1.x", "/a/cur/1.x:2,S"), ()),
            (RenamedFile("/a/cur/1.x:2,S", "/a/.F/cur/2.y:2,S"), ("1.x", "2.y")),
            (LinkedFile("/a/cur/1.x:2,S", "/a/.F/cur/2.y:2,S"), ("1.x",)),
            (MadeFolder("/a/.F"), ()),
            (WrittenFile("/a/list"), ()),
        )
        for change, names in cases:
            self.assertEqual(names, names_to_settle(change), change)

    def test_base_names(self) -> None:
        self.assertEqual("1.x", base_name("/a:b/cur/1.x:2,:S"))
        self.assertEqual("1.x", base_name("1.x"))

    def test_what_cannot_be_settled_fails_and_the_rest_is_done(self) -> None:
        asked: list[set[str]] = []

        def settle(names: Collection[str]) -> None:
            asked.append(set(names))
            raise OSError(errno.EAGAIN, "not now")

        disk = ForgetfulDisk(Random(1), "/a/tmp", "/a/new")
        disk.close(disk.create("/a/new/old"))
        good = NewFile("/a/tmp/1", "/a/new/1", OCTETS)
        results = BlockingCommitter(disk, settle).commit([RemovedFile("/a/new/old"), good])
        self.assertEqual([{"old"}], asked)
        fault, done = results
        assert fault is not None
        self.assertEqual(errno.EAGAIN, fault.errno)
        self.assertIsNone(done)
        self.assertEqual({"/a/new/old", "/a/new/1"}, set(disk.files()))


class WindowTests(SynchronousTestCase):
    def test_a_name_leaves_with_a_checkpoint_that_began_after_it(self) -> None:
        window = Window()
        self.assertFalse(window.has(()))
        window.add({"a"})
        window.mark()
        window.add({"b"})
        self.assertTrue(window.has({"a"}))
        window.drop()
        self.assertFalse(window.has({"a", "x"}))
        self.assertTrue(window.has({"b"}))
        self.assertTrue(window.has(()))

    def test_a_checkpoint_that_failed_keeps_its_names_for_the_next(self) -> None:
        window = Window()
        window.add({"a"})
        window.mark()
        window.mark()
        self.assertTrue(window.has({"a"}))
        window.drop()
        self.assertFalse(window.has(()))
