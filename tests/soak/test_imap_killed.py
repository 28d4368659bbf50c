"""A short soak of IMAP clients: what was answered is so, whatever was killed."""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from tests.end_to_end.running import short_folder
from tests.soak.imap_rounds import ImapRounds


class ImapKilled(TestCase):
    timeout = 300

    def test_head_worker_and_writer(self) -> None:
        account = ImapRounds(short_folder(self) / "host", seed=1, workers=2, clients=4).run(3)
        self.assertTrue(account.good, account)
        for command in ("APPEND", "STORE", "COPY", "MOVE"):
            self.assertGreater(account.answered[command], 3, account)
