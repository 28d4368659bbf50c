"""The start of a host: faults that prevent it, early signals, and the messages to systemd."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SkipTest, TestCase

from mailhost.durable.log.log import why_no_log
from mailhost.durable.log.recovery import begin
from mailhost.durable.system import OperatingSystem
from tests.end_to_end.running import BIN, RunningHost, remove_folder, until
from tests.end_to_end.shared import DOMAINS, Raw, new_folder


class Starting(TestCase):
    timeout = 120
    settings = "workers = 1\n"

    def setUp(self) -> None:
        self.folder = new_folder()
        self.addCleanup(remove_folder, self.folder)
        self.host = RunningHost(self.folder, self.settings + DOMAINS, protocols=("smtp",))
        self.addCleanup(self.host.stop)

    def refuses(self, *text: str) -> None:
        """It does not start, and says why in a line."""
        done = self.host.launch()
        said = done.stdout + done.stderr
        self.assertNotEqual(0, done.returncode, said)
        self.assertNotIn("is ready", said)
        self.assertNotIn("Traceback", said)
        for each in text:
            self.assertIn(each, said)


class Refusing(Starting):
    def test_an_empty_data_folder_that_was_there_may_be_one_that_is_not_mounted(self) -> None:
        self.host.data.mkdir(mode=0o700)
        self.refuses("mount its disk", "mailhost init")
        self.assertEqual([], list(self.host.data.iterdir()))

    def test_a_directory_that_vanished(self) -> None:
        (self.host.data / "queue").mkdir(parents=True, mode=0o700)
        self.refuses("directory.sqlite is missing from a data folder in use")
        self.assertEqual(["queue"], os.listdir(self.host.data))

    def test_the_log_of_another_data_folder(self) -> None:
        self.host.set_up()
        data = self.host.data
        if why_no_log(OperatingSystem(), str(data)):
            raise SkipTest("the file system here takes no log")
        begin(OperatingSystem(), str(data), 1 << 16).close()
        (data / "log-id").write_text("00" * 16)
        self.refuses(f"{data}/log/", "is the log of another data folder: move the folder")

    def test_a_data_folder_that_others_can_write(self) -> None:
        self.host.data.mkdir()
        self.host.data.chmod(0o777)
        self.refuses("data: everybody on this machine can write", "chmod o-w")

    def test_a_user_who_cannot_run_this_python(self) -> None:
        if os.getuid() != 0:
            raise SkipTest("only root becomes another user")
        closed = self.folder / "closed"
        binaries = closed / "bin"
        binaries.mkdir(parents=True)
        python = binaries / "python"
        python.symlink_to(sys.executable)
        (closed / "pyvenv.cfg").write_text(f"home = {Path(sys.executable).resolve().parent}\n")
        packages = closed / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
        (packages / "site-packages").mkdir(parents=True)
        (packages / "site-packages" / "all.pth").write_text("\n".join(filter(None, sys.path)))
        closed.chmod(0o700)
        self.host.wrapper = (str(python),)
        self.host.write_settings('user = "nobody"\n' + self.settings + DOMAINS)
        self.refuses("the user nobody cannot use ", "/opt/mailhost")
        command = (str(python), str(BIN / "mailhost"), "check-config")
        told = subprocess.run(
            [*command, "--config", str(self.host.config)],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(1, told.returncode, told.stdout)
        self.assertIn("user: the user nobody cannot use ", told.stderr)


class WithoutAnyDomain(Starting):
    def test_without_a_domain_no_recipient_is_refused_for_good(self) -> None:
        self.host.write_settings(self.settings)
        self.host.start()
        self.host.wait_for(f"no folder {self.host.data} was found: a start makes one, empty")
        self.host.wait_for("there is no domain")
        client = Raw((self.host.address, self.host.ports["smtp"]), hello="EHLO")
        self.addCleanup(client.close)
        for reply in client.envelope("ann@example.com", "postmaster", "x@[127.0.0.1]"):
            self.assertTrue(reply.startswith(b"451 4.3.0"), reply)
        self.assertEqual(0, self.host.command("domain", "add", "example.com").returncode)
        reply = client.say("RCPT TO:<ann@example.com>\r\n")
        self.assertTrue(reply.startswith(b"550 5.1.1"), reply)


class Signalled(Starting):
    def test_before_it_is_ready(self) -> None:
        path = self.folder / "notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(path))
            manager.settimeout(60)
            self.host.environment["NOTIFY_SOCKET"] = str(path)
            self.host.begin()
            until(lambda: self.catches(signal.SIGHUP), "it never took care of SIGHUP")
            self.assertEqual([], self.host.lines)
            self.host.signal(signal.SIGHUP)
            self.host.wait_for("SIGHUP came before the host was ready")
            self.host.wait_for("reloaded: nothing changed")
            said = [manager.recv(1000).partition(b"\n")[0] for _ in range(3)]
            self.assertEqual([b"READY=1", b"RELOADING=1", b"READY=1"], said)
            self.host.stop()
            self.assertEqual(b"STOPPING=1", manager.recv(1000))
        self.host.begin()
        until(lambda: self.catches(signal.SIGTERM), "it never took care of SIGTERM")
        self.assertEqual(0, self.host.stop())

    def catches(self, number: int) -> bool:
        """True where the process has a handler for a signal."""
        status = Path(f"/proc/{self.host.pid}/status").read_text()
        mask = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
        return bool(int(mask.split()[1], 16) >> (number - 1) & 1)
