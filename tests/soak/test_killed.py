"""A short soak: what was answered is there, whatever was killed."""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from tests.end_to_end.running import short_folder
from tests.soak.rounds import Rounds


class Killed(TestCase):
    def test_head_and_worker(self) -> None:
        account = Rounds(short_folder(self) / "host", seed=1, workers=2).run(3)
        self.assertTrue(account.good, account)
        self.assertGreater(account.answered, 30)
