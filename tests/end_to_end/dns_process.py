"""The tests' DNS server in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.dns_server import Records
from tests.end_to_end.running import PATIENCE


class DNSProcess:
    """`port` is that of the server, on 127.0.0.1."""

    def __init__(self, records: Records) -> None:
        root = Path(__file__).parents[2]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.dns_server", json.dumps(records)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=root,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline().split()[-1])

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)
        assert self._process.stdout is not None
        self._process.stdout.close()
