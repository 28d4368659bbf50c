"""A process that is killed with -9 while it gives UIDs to new messages hides no message."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

from mailhost.store.folders.patience import LAST, Patience
from mailhost.store.folders.refresh import refreshed
from tests.store.counted import CountedCalls
from tests.store.folders.accounts import AccountCase, QuickSystem

LOCK = "dovecot-uidlist.lock"
WAITED = 3.0  # seconds after which a lock that no living process can have made is removed


class KilledSystem(CountedCalls, QuickSystem):
    """Kills its process before call number `dies_at` that changes something."""

    def __init__(self, dies_at: int) -> None:
        self.left = dies_at

    def called(self) -> None:
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1


class KilledTests(AccountCase):
    def setUp(self) -> None:
        super().setUp()
        self.delivered = 0
        self.lock = Path(self.root, LOCK)

    def deliver(self) -> None:
        self.delivered += 1
        name = f"{1_600_000_000 + self.delivered}.M{self.delivered}.mx.a.example"
        self.inbox.put("new", name)

    def killed(self, dies_at: int) -> int:
        """Have another process read INBOX until it is killed. Returns its PID while it is not
        reaped, 0 if it ended by itself."""
        self.work.close()
        pid = os.fork()
        if not pid:
            try:
                refreshed(self.opened(KilledSystem(dies_at)), "")
            finally:
                os._exit(0)
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert ended is not None
        if ended.si_code == os.CLD_KILLED:
            return pid
        os.waitpid(pid, 0)
        return 0

    def all_are_seen(self, patience: Patience = LAST) -> bool:
        """True if all messages have UIDs when a client reads the folder."""
        self.work.patience = patience
        return len(self.view().uids) == self.delivered

    def each_kill(self) -> Iterator[int]:
        """Deliver and kill, at each call that changes something."""
        self.deliver()
        self.assertTrue(self.all_are_seen())
        for dies_at in range(100):
            self.deliver()
            pid = self.killed(dies_at)
            if not pid:
                return
            yield pid
        self.fail("it never ended by itself")

    def test_all_messages_are_seen(self) -> None:
        locks = set[str]()
        for pid in self.each_kill():
            os.waitpid(pid, 0)
            left = self.lock.read_text() if self.lock.exists() else "none"
            locks.add(left.partition(":")[0].replace(str(pid), "PID"))
            self.deliver()
            # whose lock an empty one is cannot be known, so it is watched for two seconds
            self.assertTrue(self.all_are_seen(LAST if left else Patience(WAITED)), left)
        self.assertEqual({"", "PID", "none"}, locks)

    def test_a_process_that_nobody_waits_for(self) -> None:
        """In a container whose first process reaps no orphans, a dead process keeps its PID."""
        for pid in self.each_kill():
            try:
                if self.lock.exists() and self.lock.read_text():
                    self.deliver()
                    self.assertTrue(self.all_are_seen())
            finally:
                os.waitpid(pid, 0)
            self.lock.unlink(missing_ok=True)
