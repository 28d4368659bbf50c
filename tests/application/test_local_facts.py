"""Facts for the doctor that only root can find out."""

from __future__ import annotations

import os

from twisted.trial.unittest import SkipTest

from mailhost.application import local_facts
from mailhost.application.local_facts import collect_facts, facts_of_running_host, folder_fault
from mailhost.doctor.host.local_facts import LocalFacts
from tests.doctor.host.case import HostCase


class LocalFactsTests(HostCase):
    def test_nothing_is_wrong(self) -> None:
        self.patch(local_facts, "listening_sockets", list)
        for collect in (collect_facts, facts_of_running_host):
            self.assertEqual(LocalFacts("", "", [], []), collect(self.load()))

    def test_a_data_folder_of_root(self) -> None:
        if os.geteuid() != 0:
            raise SkipTest("only root can become another user")
        os.chmod(self.folder, 0o755)
        loaded = self.load('user = "nobody"\n')
        self.assertIn("run: chown -R nobody", folder_fault(loaded.settings))

    def test_a_folder_that_is_missing_has_no_owner(self) -> None:
        os.unlink(os.path.join(self.data, "directory.sqlite"))
        self.assertEqual("", folder_fault(self.load('user = "nobody"\n').settings))
