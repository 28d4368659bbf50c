"""Files that twistd writes by itself, as root, are refused in folders of others."""

from __future__ import annotations

import os
import shutil
import tempfile

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from mailhost.application.twistd import _unsafe_file


class Traps(SynchronousTestCase):
    def setUp(self) -> None:
        if os.geteuid() != 0:
            raise SkipTest("only root has something to lose")
        self.folder = tempfile.mkdtemp(dir="/var/tmp")
        self.addCleanup(shutil.rmtree, self.folder)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)

    def unsafe(self, pidfile: str = "", logfile: str | None = None, daemon: bool = False) -> str:
        wanted = {"pidfile": pidfile, "logfile": logfile, "rundir": ".", "nodaemon": not daemon}
        return _unsafe_file(wanted)

    def test_in_a_folder_of_roots_it_may_write(self) -> None:
        self.assertEqual("", self.unsafe("twistd.pid", daemon=True))

    def test_in_a_folder_of_others_it_may_not(self) -> None:
        os.chmod(self.folder, 0o777)
        self.assertIn("--pidfile=", self.unsafe("twistd.pid"))
        self.assertIn("--logfile=", self.unsafe(daemon=True))
        self.assertIn("--logfile=", self.unsafe(logfile="mail.log"))
        self.assertEqual("", self.unsafe())
        self.assertEqual("", self.unsafe(logfile="-"))
        self.assertEqual("", self.unsafe("/run/mailhost.pid", logfile="/var/log/mailhost.log"))
