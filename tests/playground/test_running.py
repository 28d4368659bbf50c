"""The folder of a playground, and what the commands say where none runs."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from click.testing import CliRunner, Result
from twisted.trial.unittest import SynchronousTestCase

from mailhost.cli.main import mailhost
from mailhost.playground.running import CannotStart, make_folder, usual_folder


class FolderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mailhost-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.patch(tempfile, "tempdir", str(self.folder))

    def call(self, *arguments: str) -> Result:
        return CliRunner().invoke(mailhost, ["playground", *arguments])

    def test_a_new_folder_for_the_user_alone(self) -> None:
        made = make_folder(None)
        self.assertEqual((usual_folder(), 0o700), (made, made.stat().st_mode & 0o777))

    def test_what_a_killed_playground_left_is_removed(self) -> None:
        make_folder(None).joinpath("alpha").mkdir()
        self.assertEqual([], list(make_folder(None).iterdir()))

    def test_a_folder_that_stays(self) -> None:
        kept = self.folder / "a" / "b"
        self.assertEqual(kept, make_folder(kept))
        kept.joinpath("file").touch()
        with self.assertRaisesRegex(CannotStart, "is not empty"):
            make_folder(kept)

    def test_a_link_of_others_is_not_followed(self) -> None:
        os.symlink(self.folder, usual_folder())
        with self.assertRaisesRegex(CannotStart, "set TMPDIR"):
            make_folder(None)
        self.assertTrue(self.folder.is_dir())

    def test_commands_without_a_playground(self) -> None:
        listed = self.call("list")
        self.assertEqual(0, listed.exit_code, listed.output)
        self.assertIn("starttls-stripped", listed.stdout)
        for arguments in (("break", "no-ptr"), ("mend",)):
            failed = self.call(*arguments)
            self.assertEqual(1, failed.exit_code)
            self.assertIn("`mailhost playground` starts one", failed.stderr)

    def test_a_name_that_is_none(self) -> None:
        for arguments in (("break", "all"), ("--break", "all")):
            failed = self.call(*arguments)
            self.assertIn("'all' is no fault of the playground", failed.stderr)
