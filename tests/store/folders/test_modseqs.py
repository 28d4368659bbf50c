"""MODSEQs never go back, whatever becomes of the cache and of the mark."""

from __future__ import annotations

from pathlib import Path

from mailhost.store.folders.account_work import CACHE
from mailhost.store.folders.refresh import refreshed
from mailhost.store.maildir.modseq_mark import NAME
from tests.store.folders.mail_case import MailCase


class ModseqTests(MailCase):
    def test_a_cache_that_came_back_from_a_backup(self) -> None:
        cache = Path(self.root, CACHE)
        self.add(b"one\r\n")
        self.work.close()
        backup = cache.read_bytes()
        cache.unlink()
        self.add(b"two\r\n")
        told = refreshed(self.work, "").view.highest_modseq
        self.work.close()
        cache.unlink()
        cache.write_bytes(backup)
        self.assertGreater(refreshed(self.work, "").view.highest_modseq, told)
        self.assertEqual({1: b"one\r\n", 2: b"two\r\n"}, self.texts())

    def test_a_mark_that_is_damaged(self) -> None:
        for text in ("9223372036854775807", "9223372036854775000", "18446744073709551615", "x", ""):
            self.work.rebuild()
            Path(self.root, NAME).write_text(text)
            self.add(b"one\r\n")
            told = refreshed(self.work, "").view.highest_modseq
            self.assertLess(told, 1 << 62)
            self.add(b"two\r\n")
            self.assertGreater(refreshed(self.work, "").view.highest_modseq, told)
