"""Reading a folder that is not as it should be."""

from __future__ import annotations

import os

from mailhost.store.folders.refresh import refreshed
from tests.store.folders.mail_case import MailCase


class HalfMadeTests(MailCase):
    def test_a_folder_that_was_half_made_is_completed(self) -> None:
        os.makedirs(os.path.join(self.root, ".half", "tmp"))
        self.assertEqual(self.texts("half"), {})
        self.add(b"A: b\r\n\r\n", "half")
        self.assertEqual(self.texts("half"), {1: b"A: b\r\n\r\n"})

    def test_one_that_is_gone(self) -> None:
        with self.assertRaises(FileNotFoundError):
            refreshed(self.work, ".gone")
