"""`make run`: the demo starts, says what to try, and what it says works when pasted."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import stat
import subprocess
from pathlib import Path
from urllib.request import Request, urlopen

from twisted.trial.unittest import TestCase

from tests.end_to_end.running import BIN, PATIENCE, RunningHost, free_port, short_folder

DEMO = Path(__file__).parents[2] / "etc" / "demo.toml"


class Demo(TestCase):
    def setUp(self) -> None:
        """A copy of the demo's settings, on free ports."""
        self.folder = short_folder(self)
        starter = (str(BIN / "mailhost"), "run")
        self.host = RunningHost(self.folder / "etc", "", protocols=(), starter=starter)
        text = re.sub(r"tcp:\d+:", lambda _: f"tcp:{free_port('127.0.0.1')}:", DEMO.read_text())
        self.host.config.write_text(text)
        self.addCleanup(self.host.stop)

    def banner(self) -> list[str]:
        """Its output after it was ready."""
        self.host.wait_for("Ctrl-C")
        return self.host.lines

    def paste(self, command: str) -> str:
        """Run a command of the banner, from the folder the host was started in."""
        explanation = shlex.split(command)
        explanation[0] = str(BIN / "mailhost")
        done = subprocess.run(
            explanation,
            cwd=self.host.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        self.assertEqual(0, done.returncode, f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    def page(self) -> bytes:
        """The configuration for mail programs, by HTTP."""
        text = "listening for http on "
        (where,) = (line.rpartition(text)[2] for line in self.host.lines if text in line)
        url = f"http://{where}/mail/config-v1.1.xml?emailaddress=alice%40example.org"
        with urlopen(Request(url, headers={"Host": "autoconfig.example.org"})) as reply:
            octets: bytes = reply.read()
            return octets

    def test_the_commands_that_it_prints_and_a_second_start(self) -> None:
        self.host.start()
        commands = [line.strip() for line in self.banner() if " --config " in line]
        self.assertIn(b'<emailProvider id="example.org">', self.page())
        self.assertEqual(3, len(commands), self.host.lines)
        send, read, queue = commands
        self.paste(send)
        self.assertIn("Hello", self.paste(read))
        self.paste(queue)
        password = self.folder / "var" / "demo-password"
        self.assertEqual(0o600, stat.S_IMODE(password.stat().st_mode))
        self.assertEqual(-signal.SIGTERM, self.host.stop())  # as twistd ends
        self.assertEqual([], list(self.host.folder.glob("*.pid")))
        text, since = password.read_text(), self.host.mark()
        self.host.start()
        self.host.wait_for("Ctrl-C", since)
        self.assertEqual(text, password.read_text())
        send = next(line for line in self.host.lines[since:] if "mail send" in line)
        self.paste(send.strip())


class Wheel(TestCase):
    def test_an_installed_wheel_works_from_any_folder(self) -> None:
        """Built without network, put on the path, and asked from elsewhere."""
        source = Path(__file__).parents[2]
        folder = short_folder(self)
        copy = folder / "source"
        shutil.copytree(
            source,
            copy,
            ignore=shutil.ignore_patterns(".*", "var", "_trial_temp*", "*.egg-info", "build"),
        )
        python = str(BIN / "python")
        build = "from setuptools import setup; setup()"
        wheels = folder / "wheels"
        self.run_quietly([python, "-c", build, "-q", "bdist_wheel", "-d", str(wheels)], copy, {})
        (wheel,) = wheels.glob("*.whl")
        site = folder / "site"
        unpack = "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])"
        self.run_quietly([python, "-c", unpack, str(wheel), str(site)], folder, {})
        path = {"PYTHONPATH": str(site)}
        where = self.run_quietly([python, "-c", "import mailhost; print(mailhost)"], folder, path)
        self.assertIn(str(site), where)
        helped = self.run_quietly([str(BIN / "twistd"), "mailhost", "--help"], folder, path)
        self.assertIn("--config", helped)
        main = "from mailhost.cli.main import main; main()"
        self.assertIn("0.", self.run_quietly([python, "-c", main, "--version"], folder, path))
        self.run_quietly(
            [
                python,
                "-c",
                main,
                *shlex.split("init new --hostname m.example.com --domain a.example"),
            ],
            folder,
            path,
        )
        self.assertTrue((folder / "new" / "mailhost.toml").exists())

    def run_quietly(self, command: list[str], folder: Path, environment: dict[str, str]) -> str:
        """Run, which must succeed, and return what it printed."""
        done = subprocess.run(
            command,
            cwd=folder,
            env={"PATH": str(BIN), **environment},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        self.assertEqual(0, done.returncode, f"{command}: {done.stdout}{done.stderr}")
        return done.stdout
