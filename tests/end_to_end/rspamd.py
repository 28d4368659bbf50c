"""A real rspamd as a milter, without rules of its own but for the test pattern that all know."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.end_to_end.running import free_port

PROGRAM = "/usr/bin/rspamd"
PATIENCE = 30.0  # seconds
_GTUBE = "{}*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
REJECTED, MARKED = (_GTUBE.format(word) for word in ("XJS", "YJS"))  # in the body of a message
CONFIGURATION = """
options {{
  pidfile = "{folder}/pid"; tempdir = "{folder}"; url_tld = "{folder}/tld";
  enable_test_patterns = true; filters = ""; rrd = ""; history_file = "";
  dns {{ nameserver = ["127.0.0.1:9"]; timeout = 1s; retransmits = 1; }}
}}
logging {{ type = "console"; level = "error"; }}
worker "rspamd_proxy" {{
  bind_socket = "127.0.0.1:{port}"; milter = yes; timeout = 30s; count = 1;
  upstream "local" {{ default = yes; self_scan = yes; }}
}}
actions {{ reject = 15; add_header = 6; greylist = 4; }}
"""


def needed() -> None:
    """Skip a test where rspamd is missing."""
    if not os.path.exists(PROGRAM):
        raise SkipTest("rspamd is not installed: apt-get install rspamd")


class Rspamd:
    """Listens on `port` of the loopback address. `folder` is made."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port("127.0.0.1")
        folder.mkdir(parents=True)
        self._folder = folder
        (folder / "tld").write_text("example\n")  # the real list takes seconds to read
        text = CONFIGURATION.format(folder=folder, port=self.port)
        (folder / "rspamd.conf").write_text(text)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it listens."""
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [PROGRAM, "-f", "-i", "-c", str(self._folder / "rspamd.conf")],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + PATIENCE
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError((self._folder / "log").read_text())
            time.sleep(0.05)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        """End it and its workers."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE)
            self._process = None
