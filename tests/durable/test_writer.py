"""The writer's process, here in ours: clients on real sockets, a disk in memory."""

from __future__ import annotations

import errno
import marshal
import os
import socket
import subprocess
import sys
from io import StringIO

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SkipTest, SynchronousTestCase, TestCase

from mailhost.application.privileges import as_user
from mailhost.durable.batch import Batch
from mailhost.durable.batch_times import new_batch_times
from mailhost.durable.frames import LARGEST_FRAME, frame, plain
from mailhost.durable.writer import Writer, listen
from mailhost.interfaces.changes import Change, NewFile, RemovedFile
from mailhost.message.content import Content
from tests.durable.fake_disk import FakeDisk
from tests.end_to_end.running import short_folder


def file(name: str, *pieces: bytes) -> NewFile:
    """A message file."""
    return NewFile(f"/mail/tmp/{name}", f"/mail/new/{name}", (Content(pieces or (b"x",)),))


def asked(*changes: Change) -> bytes:
    """The frames of a client."""
    return frame([plain(change) for change in changes])


class WriterTests(TestCase):
    def setUp(self) -> None:
        self.disk = FakeDisk("/mail/tmp", "/mail/new")
        self.path = str(short_folder(self) / "writer.sock")
        life, self.head = os.pipe()
        self.times = new_batch_times()
        self.addCleanup(os.close, self.times.fd)
        self.writer = Writer(self.disk, listen(self.path), life, self.times)
        for close in (self.writer.close, lambda: os.close(life), self.end_head):
            self.addCleanup(close)

    def end_head(self) -> None:
        if self.head >= 0:
            os.close(self.head)
            self.head = -1

    def client(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        client.connect(self.path)
        client.settimeout(5)
        self.addCleanup(client.close)
        self.assertTrue(self.writer.turn())
        return client

    def answer(self, client: socket.socket) -> list[tuple[int, str] | None]:
        length = int.from_bytes(client.recv(4), "big")
        results: list[tuple[int, str] | None] = marshal.loads(client.recv(length))
        return results

    def test_another_user_is_refused(self) -> None:
        if os.getuid() != 0:
            raise SkipTest("only root becomes another user")
        os.chmod(os.path.dirname(self.path), 0o711)
        os.chmod(self.path, 0o666)
        said = StringIO()
        self.patch(sys, "stderr", said)
        with socket.socket(socket.AF_UNIX) as client:
            with as_user("nobody"):
                client.connect(self.path)
            self.assertTrue(self.writer.turn())
            self.assertEqual(b"", client.recv(1))
        self.assertIn("refused to user", said.getvalue())

    def test_what_all_ask_for_is_one_batch(self) -> None:
        clients = [self.client() for _ in range(3)]
        for number, client in enumerate(clients):
            client.sendall(asked(file(f"a{number}", b"one", b"two"), file(f"b{number}")))
        self.writer.turn()
        for client in clients:
            self.assertEqual([None, None], self.answer(client))
        safe = self.disk.after_crash()
        self.assertEqual(6, len(safe))
        self.assertEqual(b"onetwo", safe["/mail/new/a1"])
        self.assertEqual(1, self.disk.calls.count("sync_folder /mail/new"))
        counted = self.times.read()
        self.assertEqual((1, 6), (sum(counted.buckets), counted.changes))
        self.assertLess(0, counted.seconds)

    def test_several_frames_of_one_are_answered_in_order(self) -> None:
        client = self.client()
        client.sendall(asked(file("a")) + asked(RemovedFile("/mail/new/a"), file("b")) + asked())
        self.writer.turn()
        results = [self.answer(client) for _ in range(3)]
        self.assertEqual([[None], [None, None], []], results)

    def test_what_fails_is_said_with_its_number(self) -> None:
        client = self.client()
        self.disk.error = OSError(errno.ENOSPC, "No space left on device", "/mail/tmp/a")
        self.disk.fail_at = 0
        client.sendall(asked(file("a"), file("b")))
        self.writer.turn()
        first, second = self.answer(client)
        assert first is not None
        self.assertEqual(errno.ENOSPC, first[0])
        self.assertIn("/mail/tmp/a", first[1])
        self.assertIsNone(second)

    def test_who_went_away_is_not_served(self) -> None:
        client = self.client()
        client.sendall(asked(file("a")))
        client.close()
        self.writer.turn()
        self.assertEqual({}, self.disk.after_lucky_crash())

    def test_a_client_that_dies_with_an_answer_unread(self) -> None:
        """Its socket fails then, instead of ending."""
        dead, other = self.client(), self.client()
        dead.sendall(asked(file("a")))
        self.writer.turn()
        dead.close()
        other.sendall(asked(file("b")))
        for _ in range(3):
            self.assertTrue(self.writer.turn())
            if {"/mail/new/a", "/mail/new/b"} <= self.disk.after_crash().keys():
                break
        self.assertEqual([None], self.answer(other))

    def test_a_bug_is_printed_for_the_head(self) -> None:
        client, said = self.client(), StringIO()
        self.patch(sys, "stderr", said)
        self.patch(self.disk, "create", lambda path: 1 // 0)
        client.sendall(asked(file("a")))
        self.writer.turn()
        (result,) = self.answer(client)
        self.assertIsNotNone(result)
        self.assertIn("ZeroDivisionError", said.getvalue())

    def test_nonsense_ends_it(self) -> None:
        self.client().sendall((LARGEST_FRAME + 1).to_bytes(4, "big"))
        self.assertRaises(ValueError, self.writer.turn)

    def test_the_head_ends_it(self) -> None:
        self.end_head()
        self.assertFalse(self.writer.turn())

    def test_a_socket_left_behind_and_who_may_use_it(self) -> None:
        listen(self.path).close()
        self.assertEqual(0o600, os.stat(self.path).st_mode & 0o777)


class AnyCut(SynchronousTestCase):
    @given(st.lists(st.integers(0, 5000), max_size=6), st.data())
    @settings(max_examples=30, deadline=None)
    def test_frames_come_in_pieces(self, sizes: list[int], data: st.DataObject) -> None:
        case = WriterTests("test_the_head_ends_it")
        case.setUp()
        try:
            client = case.client()
            octets = b"".join(
                asked(file(str(number), bytes([number]) * size))
                for number, size in enumerate(sizes)
            )
            cuts = sorted(data.draw(st.lists(st.integers(0, len(octets)), max_size=4)))
            for start, end in zip([0, *cuts], [*cuts, len(octets)], strict=True):
                if start < end:
                    client.sendall(octets[start:end])
                    case.writer.turn()
            for _ in sizes:
                self.assertEqual([None], case.answer(client))
            self.assertEqual(len(sizes), len(case.disk.after_crash()))
        finally:
            case.doCleanups()


class BegunBefore(SynchronousTestCase):
    """Changes that a process which died may have begun."""

    def setUp(self) -> None:
        self.disk = FakeDisk("/mail/tmp", "/mail/new")

    def run_batch(self, change: Change) -> OSError | None:
        (result,) = Batch(self.disk, [change], set()).run()
        return result

    def again(self, *pieces: bytes, replaces: bool = False) -> NewFile:
        made = file("a", *pieces)
        return NewFile(made.temporary, made.final, made.contents, replaces, again=True)

    def test_nothing_had_begun(self) -> None:
        self.assertIsNone(self.run_batch(self.again(b"new")))
        self.assertEqual({"/mail/new/a": b"new"}, self.disk.after_crash())

    def test_half_a_file_is_written_anew(self) -> None:
        fd = self.disk.create("/mail/tmp/a")
        self.disk.write(fd, [b"ha"])
        self.assertIsNone(self.run_batch(self.again(b"new")))
        self.assertEqual({"/mail/new/a": b"new"}, self.disk.after_crash())

    def test_one_with_its_name_gets_what_it_lacks(self) -> None:
        fd = self.disk.create("/mail/tmp/a")
        self.disk.write(fd, [b"whole"])
        self.disk.sync(fd)
        self.disk.rename("/mail/tmp/a", "/mail/new/a")
        self.assertEqual({}, self.disk.after_crash())
        self.assertIsNone(self.run_batch(self.again(b"whole")))
        self.assertEqual({"/mail/new/a": b"whole"}, self.disk.after_crash())

    def test_where_that_fails_it_is_not_there(self) -> None:
        fd = self.disk.create("/mail/tmp/a")
        self.disk.rename("/mail/tmp/a", "/mail/new/a")
        self.disk.close(fd)
        self.disk.error = OSError(errno.EIO, "broken")
        self.disk.fail_at = len(self.disk.calls)
        self.assertIsInstance(self.run_batch(self.again(b"whole")), OSError)
        self.assertEqual({}, self.disk.after_lucky_crash())

    def test_one_that_replaces_is_written_anew(self) -> None:
        self.run_batch(file("a", b"old"))
        self.assertIsNone(self.run_batch(self.again(b"new", replaces=True)))
        self.assertEqual({"/mail/new/a": b"new"}, self.disk.after_crash())


class Starting(SynchronousTestCase):
    """A new writer is needed at once."""

    def test_no_framework_is_imported(self) -> None:
        code = "import sys, mailhost.durable.writer; print(*sys.modules)"
        command = [sys.executable, "-c", code]
        loaded = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        self.assertIn("mailhost.durable.batch", loaded)
        packages = {name.partition(".")[0] for name in loaded}
        self.assertEqual(set(), packages & {"twisted", "zope", "pydantic"})
