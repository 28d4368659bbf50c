"""The entry point, and finding the settings."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys

from twisted.trial.unittest import SkipTest

from mailhost import __version__
from mailhost.application.privileges import as_user
from mailhost.cli.main import LazyGroup, mailhost, main
from tests.cli.bench import CommandCase


class EntryTests(CommandCase):
    """The command as it is installed."""

    def test_version(self) -> None:
        self.assertIn(__version__, self.run_ok("--version"))

    def test_every_command_has_help(self) -> None:
        assert isinstance(mailhost, LazyGroup)
        for name in ("init", "check-config", "run", "hash-password", "domain", "account", "alias"):
            self.assertIn(name, self.run_ok("--help"))
            self.assertIn("Usage", self.run_ok(name, "--help"))

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        code = "from mailhost.cli.main import main; main()"
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        environment.pop("MAILHOST_CONFIG", None)
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env=environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def test_what_this_user_may_not_do(self) -> None:
        if os.geteuid() != 0:
            raise SkipTest("only root can become somebody else")
        os.chmod(self.folder, 0o755)
        new = os.path.join(self.folder, "new")
        said: list[object] = []
        arguments = ["init", new, "--hostname", "a.example", "--domain", "a.example"]
        self.patch(sys, "argv", ["mailhost", *arguments])
        self.patch(sys, "exit", said.append)
        with as_user("nobody"):
            main()
        self.assertEqual(
            said, [f"Error: {new}: Permission denied; ask as root or as the host's user"]
        )

    def test_the_settings_here_are_found(self) -> None:
        self.assertNotIn(self.config, self.command("check-config").stdout)
        self.settings()
        self.assertIn(f"{self.config} is right", self.command("check-config").stdout)

    def test_settings_of_another_user_in_the_current_folder_must_be_named(self) -> None:
        if os.geteuid() != 0:
            raise SkipTest("only root can give files away")
        self.settings()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        for path in (self.config, self.folder):
            os.chown(path, pwd.getpwnam("nobody").pw_uid, -1)
            result = self.call("check-config", MAILHOST_CONFIG="")
            self.assertEqual(result.exit_code, 1)
            self.assertIn("add --config mailhost.toml", result.stderr)
            named = self.call("check-config", "--config", "mailhost.toml", MAILHOST_CONFIG="")
            self.assertEqual(named.exit_code, 0, named.stderr)
            os.chown(path, 0, -1)

    def test_faults_are_a_line_and_no_traceback(self) -> None:
        self.settings(set_up=False)
        os.makedirs(os.path.join(self.data, "directory.sqlite"))
        result = self.command("domain", "add", "example.com")
        self.assertEqual(result.returncode, 1)
        self.assertNotIn("Traceback", result.stderr)
        self.assertEqual(len(result.stderr.splitlines()), 1)
