"""A real Dovecot without its daemons: `imap` as a child that is logged in, and `doveadm`.

Dovecot refuses to open mail as root. Tests that run as root start it in a user namespace in which
root has another number.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import TracebackType

from twisted.trial.unittest import SkipTest

PROGRAM = "/usr/lib/dovecot/imap"
NUMBER = 1000  # of root in the namespace
CONFIGURATION = """
mail_location = maildir:{maildir}
mail_uid = {number}
mail_gid = {group}
first_valid_uid = 1
first_valid_gid = 1
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
protocols = imap
ssl = no
namespace inbox {{
  inbox = yes
  separator = /
}}
"""


def needed() -> None:
    """Skip a test where Dovecot is missing, or cannot be run."""
    if not os.path.exists(PROGRAM):
        raise SkipTest("Dovecot is not installed: apt-get install dovecot-imapd")
    if subprocess.run([*_prefix(), "true"], capture_output=True, check=False).returncode:
        raise SkipTest("Dovecot cannot be run as root: user namespaces are switched off")


def _prefix() -> list[str]:
    if os.geteuid():
        return []
    return ["unshare", "--user", f"--map-user={NUMBER}", f"--map-group={NUMBER}"]


class Dovecot:
    """Opens the Maildir at `maildir`. Its own files lie in `folder`, which is made."""

    def __init__(self, folder: Path, maildir: str) -> None:
        (folder / "run").mkdir(parents=True)
        self._folder = folder
        self._configuration = str(folder / "dovecot.conf")
        number, group = (os.geteuid(), os.getegid()) if os.geteuid() else (NUMBER, NUMBER)
        text = CONFIGURATION.format(
            folder=folder.resolve(), maildir=maildir, number=number, group=group
        )
        Path(self._configuration).write_text(text)

    def session(self) -> Session:
        """Start an IMAP session."""
        return Session(self._popen([PROGRAM, "-c", self._configuration]))

    def doveadm(self, *arguments: str) -> str:
        """Run `doveadm`, and return what it prints."""
        process = self._popen(["/usr/bin/doveadm", "-c", self._configuration, *arguments])
        output, _ = process.communicate()
        assert process.returncode == 0, self.log()
        return output.decode()

    def log(self) -> str:
        """The log of Dovecot."""
        path = self._folder / "log"
        return path.read_text() if path.exists() else ""

    def _popen(self, arguments: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*_prefix(), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"HOME": str(self._folder), "USER": "tester", "PATH": os.environ["PATH"]},
        )


class Session:
    """A session that is logged in; one command at a time."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._input, self._output = process.stdin, process.stdout
        self._count = 0
        self._output.readline()

    def say(self, command: str, octets: bytes = b"") -> list[str]:
        """Give a command, with `octets` as its last literal, and return the lines of the answer.

        The last line has no tag, and must be OK.
        """
        self._count += 1
        tag = f"t{self._count} "
        literal = b" {%d+}\r\n%b" % (len(octets), octets) if octets else b""
        self._input.write(f"{tag}{command}".encode() + literal + b"\r\n")
        self._input.flush()
        lines = []
        while True:
            line = self._output.readline().decode("utf-8", "replace")
            assert line, f"Dovecot went away after {command}"
            lines.append(line.rstrip("\r\n").removeprefix(tag))
            if line.startswith(tag):
                assert lines[-1].startswith("OK"), lines
                return lines

    def close(self) -> None:
        """End the session."""
        self._process.communicate(b"end LOGOUT\r\n")

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.close()
