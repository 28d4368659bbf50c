"""named of BIND in a process of its own, with one zone that takes updates with a key."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import time
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.end_to_end.running import PATIENCE, free_port

PROGRAM, DIG = shutil.which("named"), shutil.which("dig")
HOST = "127.0.0.1"
SETTINGS = """
include "{folder}/key";
options {{
    directory "{folder}";
    listen-on port {port} {{ {host}; }};
    listen-on-v6 {{ none; }};
    recursion no;
    pid-file none;
    session-keyfile none;
    dnssec-validation no;
}};
controls {{ }};
zone "{zone}" {{ type primary; file "zone"; allow-update {{ key "acme"; }}; }};
"""
RECORDS = """$ORIGIN {zone}.
$TTL 60
@ SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
ns A {host}
@ A {host}
mx A {host}
mail A {host}
"""


class Named:
    """`key` is the file of a key that may change the zone, `wrong_key` that of another one. `more`
    are further lines of the zone file."""

    def __init__(self, folder: Path, zone: str, more: str = "") -> None:
        if PROGRAM is None or DIG is None or shutil.which("nsupdate") is None:
            raise SkipTest("named, dig or nsupdate is not installed")
        folder.mkdir(parents=True)
        self.port = free_port(HOST)
        self._zone = zone
        self.key, self.wrong_key = _key(folder / "key"), _key(folder / "wrong-key")
        (folder / "zone").write_text(RECORDS.format(zone=zone, host=HOST) + more)
        settings = SETTINGS.format(folder=folder, port=self.port, host=HOST, zone=zone)
        (folder / "named.conf").write_text(settings)
        with (folder / "log").open("w") as log:
            command = [PROGRAM, "-g", "-n", "1", "-c", str(folder / "named.conf")]
            self._process = subprocess.Popen(command, stderr=log, stdin=subprocess.DEVNULL)
        self._log = folder / "log"

    def wait(self) -> None:
        """Return when the zone is served. Blocks."""
        deadline = time.monotonic() + PATIENCE
        while not self.records(self._zone, "SOA"):
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise AssertionError(f"named does not start:\n{self.log}")
            time.sleep(0.1)

    def records(self, name: str, kind: str) -> str:
        """Return the records as text. Blocks."""
        assert DIG is not None
        command = [DIG, "+short", "+time=1", "+tries=1", f"@{HOST}", "-p", str(self.port)]
        done = subprocess.run([*command, name, kind], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    @property
    def log(self) -> str:
        """What named wrote."""
        return self._log.read_text()

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


def _key(path: Path) -> str:
    secret = base64.b64encode(os.urandom(32)).decode()
    path.write_text(f'key "acme" {{ algorithm hmac-sha256; secret "{secret}"; }};\n')
    path.chmod(0o600)
    return str(path)
