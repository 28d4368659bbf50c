"""The UID of a message that came back."""

from __future__ import annotations

import os

from mailhost.store.folders.refresh import refreshed
from mailhost.store.maildir.uid_list_file import UidListFile
from tests.store.folders.mail_case import MailCase


class CameBackTests(MailCase):
    def test_a_message_that_came_back_is_another_one_also_after_the_list_was_rewritten(
        self,
    ) -> None:
        uid = self.add(b"A: b\r\n\r\n")
        refreshed(self.work, "")
        (name,) = os.listdir(os.path.join(self.root, "cur"))
        here = os.path.join(self.root, "cur", name)
        os.rename(here, os.path.join(self.root, name))
        self.seconds += 10
        self.assertEqual(list(refreshed(self.work, "").view.uids), [])
        disk = self.work.disk
        uid_list = UidListFile(self.root, disk.system, disk.dotlocks)
        with uid_list.lock() as lock:
            uid_list.rewrite(lock)
        os.rename(os.path.join(self.root, name), here)
        self.seconds += 10
        (again,) = refreshed(self.work, "").view.uids
        self.assertGreater(again, uid)
