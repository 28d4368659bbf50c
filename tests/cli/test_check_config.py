"""`mailhost check-config`."""

from __future__ import annotations

import os

from tests.cli.bench import CommandCase


class CheckTests(CommandCase):
    """`mailhost check-config`."""

    def test_right(self) -> None:
        self.settings()
        self.assertIn("is right", self.run_ok("check-config"))

    def test_every_fault_with_its_key(self) -> None:
        self.settings('admn = "x"\n[limits]\nrecipients = "many"\n')
        error = self.run_fails("check-config")
        self.assertIn("admn: is unknown; did you mean admin?", error)
        self.assertIn("limits.recipients: write a whole number", error)

    def test_warnings(self) -> None:
        self.settings("login.delay = 0\n")
        output = self.run_ok("check-config")
        self.assertIn("is right", output)
        self.assertIn("warning: admin: is missing", output)
        self.assertIn("warning: login.delay: is 0", output)

    def test_a_data_folder_that_is_not_there(self) -> None:
        self.settings(set_up=False)
        self.assertIn(f"data: no folder {self.data} was found", self.run_ok("check-config"))
        self.settings()
        self.assertNotIn("data: ", self.run_ok("check-config"))

    def test_which_file(self) -> None:
        other = os.path.join(self.folder, "other.toml")
        self.settings()
        os.rename(self.config, other)
        self.assertIn(other, self.run_ok("check-config", "--config", other))
        self.assertIn("there is no such file", self.run_fails("check-config"))
