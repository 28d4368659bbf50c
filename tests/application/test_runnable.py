"""A user who cannot run this Python is found before a host starts."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from mailhost.application import runnable
from mailhost.application.runnable import cannot_run


class Running(SynchronousTestCase):
    def setUp(self) -> None:
        if os.getuid() != 0:
            raise SkipTest("only root becomes another user")
        folder = tempfile.mkdtemp(dir="/var/tmp")
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        self.module = os.path.join(folder, "module.py")
        with open(self.module, "w"):
            pass
        self.patch(runnable, "_loaded_files", lambda: [self.module])
        self.patch(sys, "executable", "/bin/sh")

    def test_files_that_everybody_may_read(self) -> None:
        self.assertEqual("", cannot_run("nobody"))

    def test_below_a_folder_of_roots(self) -> None:
        os.chmod(os.path.dirname(self.module), 0o700)
        text = cannot_run("nobody")
        self.assertIn(f"the user nobody cannot use {self.module}", text)
        self.assertIn("/opt/mailhost", text)

    def test_the_way_of_a_link_is_told(self) -> None:
        os.chmod(os.path.dirname(self.module), 0o700)
        folder = tempfile.mkdtemp(dir="/var/tmp")
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        link = os.path.join(folder, "python3")
        os.symlink(self.module, link)
        self.patch(sys, "executable", link)
        text = cannot_run("nobody")
        self.assertIn(f"cannot use {link}, a link to {self.module},", text)
        self.assertIn(f"may not enter {os.path.dirname(self.module)}", text)

    def test_a_python_that_cannot_be_run(self) -> None:
        self.patch(sys, "executable", self.module)
        self.assertIn(self.module, cannot_run("nobody"))

    def test_without_a_user_there_is_nothing_to_ask(self) -> None:
        self.patch(sys, "executable", self.module)
        self.assertEqual("", cannot_run(""))


class Loaded(SynchronousTestCase):
    def test_all_modules_but_the_script_that_was_started(self) -> None:
        files = runnable._loaded_files()
        self.assertIn(runnable.__file__, files)
        self.assertIn(os.__file__, files)
        self.assertNotIn(sys.modules["__main__"].__file__, files)

    def test_the_script_has_another_name_with_multiprocessing(self) -> None:
        script = sys.modules["__main__"]
        self.patch(sys, "modules", {**sys.modules, "__mp_main__": script})
        self.assertNotIn(script.__file__, runnable._loaded_files())
