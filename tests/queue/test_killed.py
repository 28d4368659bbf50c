"""kill -9 on a real process with the real committer: what was answered is there, and is whole."""

from __future__ import annotations

import os
import subprocess
import sys

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.content import Content
from mailhost.queue.spool import FoundEntry, ReadingResult, Spool
from tests import PROFILE
from tests.queue.fakes import MESSAGE, FakeCommitter, here

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


ANSWERS = (1, 7, 60, 200) if PROFILE == "long" else (1, 60)


class Killed(SynchronousTestCase):
    """Several times, after more and more messages."""

    def test_what_was_answered_is_there(self) -> None:
        for answers in ANSWERS:
            folder = os.path.abspath(os.path.join(self.mktemp(), "queue"))
            os.makedirs(os.path.dirname(folder))
            answered = self.run_until(folder, answers)
            found = self.scan(folder)
            self.assertGreaterEqual(len(answered), answers)
            self.assertEqual(answered - found.keys(), set())
            for each in found.values():
                self.assertEqual(each.damage, "")
            self.assertEqual([n for n in os.listdir(folder) if n.endswith(".tmp")], [])

    def run_until(self, folder: str, answers: int) -> set[str]:
        """Start the process, kill it after so many answers, and return all it gave."""
        command = [sys.executable, "-m", "tests.queue.taking", folder]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(answers)]
            process.kill()
            lines += process.stdout.readlines()
        return {line.decode().strip() for line in lines if line.endswith(b"\n")}

    def scan(self, folder: str) -> dict[str, FoundEntry]:
        """The entries that the next process finds. No file may be broken."""
        findings: list[ReadingResult] = []
        spool = Spool(folder, FakeCommitter(), here)
        self.successResultOf(Deferred.fromCoroutine(spool.scan(findings.extend)))
        found = [each for each in findings if isinstance(each, FoundEntry)]
        self.assertEqual(len(found), len(findings))
        for each in found:
            opened = Deferred.fromCoroutine(_content(spool, each))
            content = self.successResultOf(opened)
            self.assertEqual(content.read(), MESSAGE)
        return {each.entry.id: each for each in found}


async def _content(spool: Spool, found: FoundEntry) -> Content:
    return await spool.open(found.entry)
