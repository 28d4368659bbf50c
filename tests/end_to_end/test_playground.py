"""`mailhost playground`: what it prints works when pasted, and the doctor finds each thing that is
broken in it, and no other."""

from __future__ import annotations

import atexit
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, ClassVar

from twisted.internet import reactor as made
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from mailhost.application.local_facts import collect_facts
from mailhost.cli.own_domains import domains_to_examine
from mailhost.concurrency.threads import threads_of
from mailhost.config.load import load
from mailhost.doctor.checks import run_checks
from mailhost.doctor.context import DoctorContext
from mailhost.doctor.finding import Verdict
from mailhost.doctor.server.checks import checks_of_server
from mailhost.doctor.target import domain_of, parse_target
from mailhost.doctor.targets import TargetOptions, checks_of_target
from mailhost.doctor.this_host import checks_of_this_host
from mailhost.net.control.client import ControlClient, control_path
from mailhost.net.dns.resolver import Resolver
from mailhost.playground.certificates import VARIABLE
from mailhost.playground.faults import FAULTS
from mailhost.playground.hosts import BETA_HOST
from tests.end_to_end.running import BIN, PATIENCE, until

reactor: Any = made
WARNING, FAILURE = Verdict.WARNING, Verdict.FAILURE
BOB = BETA_HOST.accounts[0]


class RunningPlayground:
    """The command in a process of its own. Its usual folder is below `folder`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mailhost-"))
        self.environment = {**os.environ, "TMPDIR": str(self.folder)}
        self.output = self.folder / "output"
        with self.output.open("w") as output:
            self._process = subprocess.Popen(
                [BIN / "mailhost", "playground"], stdout=output, stderr=output, env=self.environment
            )
        until(lambda: "Ctrl-C" in self.text or self._process.poll() is not None, "it never began")
        if self._process.poll() is not None:
            raise AssertionError(self.text)
        export = next(line for line in self.text.splitlines() if " export " in line)
        for word in shlex.split(export)[1:]:
            name, _, value = word.partition("=")
            value = value.replace("$PWD", str(self.place))
            self.environment[name] = value.replace("$PATH", os.environ["PATH"])
        self.control = ControlClient(control_path(str(self.place)))

    @property
    def text(self) -> str:
        """Return the output so far."""
        return self.output.read_text()

    @property
    def place(self) -> Path:
        """The folder that it removes."""
        return self.folder / f"mailhost-playground-{os.geteuid()}"

    def paste(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a shell."""
        return subprocess.run(
            command,
            shell=True,
            capture_output=True,
            text=True,
            env=self.environment,
            cwd=self.place,
            timeout=PATIENCE,
            check=False,
        )

    def stop(self) -> int:
        """End it, and return its exit code. Ctrl-C does the same, but a shell has processes in the
        background ignore SIGINT."""
        if self._process.poll() is None:
            self._process.terminate()
        return self._process.wait(PATIENCE)

    def remove(self) -> None:
        """End it and remove its files."""
        self.stop()
        shutil.rmtree(self.folder)


class PlaygroundTests(TestCase):
    """All tests share the playground."""

    timeout = 300
    running: ClassVar[list[RunningPlayground]] = []

    def setUp(self) -> None:
        if not self.running:
            self.running.append(RunningPlayground())
            atexit.register(self.running[0].remove)
        self.playground = self.running[0]
        os.environ[VARIABLE] = self.playground.environment[VARIABLE]
        self.addCleanup(os.environ.pop, VARIABLE)

    def commands(self) -> list[str]:
        """The commands of the banner, without the first."""
        lines = [line.strip() for line in self.playground.text.splitlines()]
        return [line for line in lines if line.startswith("mailhost ")]

    async def found(self, command: str) -> set[str]:
        """The names of the faults that the doctor finds by the arguments `command`."""
        loaded = load(self.playground.environment["MAILHOST_CONFIG"])
        resolver = Resolver(reactor, loaded.settings.dns)
        _, *words = command.split()
        target = parse_target(words[0]) if words else None
        own = domains_to_examine(loaded, domain_of(target) if target else None)
        context = DoctorContext(reactor, threads_of(reactor), resolver, loaded, own)
        if target:
            options = self.options(*words[1:])
            checks = await checks_of_target(context, target, options, checks_of_server)
        else:
            checks = checks_of_this_host(context, loaded, collect_facts(loaded))
        results = await run_checks(checks, reactor, lambda result: None)
        findings = [finding for each in results for finding in each.findings]
        return {each.name for each in findings if each.verdict in (WARNING, FAILURE)}

    def options(self, *words: str) -> TargetOptions:
        """The options of the command line as those of the checks."""
        user, recipient = (
            words[words.index(name) + 1] if name in words else "" for name in ("--user", "--to")
        )
        password = (self.playground.place / "password").read_text().strip() if user else ""
        return TargetOptions(user, password, recipient, abuse="--abuse" in words)

    async def test_the_doctor_names_each_fault_and_no_other(self) -> None:
        """The findings in the network without a fault depend on this machine, and are left out.

        Some of the faults are servers that do not answer.
        """
        commands = sorted({fault.command for fault in FAULTS})
        examining = [Deferred.fromCoroutine(self.found(command)) for command in commands]
        right = dict(zip(commands, await gatherResults(examining), strict=True))
        wrong: dict[str, set[str]] = {}
        for fault in FAULTS:
            self.playground.control.call("break", name=fault.name)
            more = await self.found(fault.command) - right[fault.command]
            if more != {f"doctor/{fault.finding}"}:
                wrong[fault.name] = more
        self.playground.control.call("mend")
        self.assertEqual({}, wrong)

    def test_the_commands_of_the_banner(self) -> None:
        send, read, *others = self.commands()
        self.assertIn("accepted the message", self.playground.paste(send).stdout)
        until(lambda: "Works" in self.playground.paste(read).stdout, "no message arrived")
        for command in others:
            done = self.playground.paste(command)
            self.assertIn(done.returncode, (0, 1, 2), f"{command}: {done.stdout}{done.stderr}")
            self.assertNotIn("Usage", done.stderr)
            self.assertNotIn("check-broken", done.stdout)
            self.assertNotIn("\x1b", done.stdout)  # no colours, as this is no terminal

    def test_when_it_ends_nothing_stays(self) -> None:
        """The last test by its name."""
        self.assertTrue((self.playground.place / "alpha" / "data").is_dir())
        self.assertEqual(0, self.playground.stop())
        self.assertFalse(self.playground.place.exists())
