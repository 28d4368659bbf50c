"""Our signatures, verified by OpenDKIM, where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.dkim.messages import KEYS, SIGNERS, signed
from tests.dkim.test_sign import ODD

LONGEST_HEADER = 50_000  # octets that its test mode reads


class OpenDKIM(SynchronousTestCase):
    def test_it_accepts_our_signatures_of_odd_mail(self) -> None:
        program = shutil.which("opendkim", path="/usr/sbin:/usr/bin")
        if program is None:
            raise SkipTest("OpenDKIM is not installed")
        folder = Path(self.mktemp())
        folder.mkdir()
        keys = "".join(f"{name} {record[0].decode()}\n" for (_, name), record in KEYS.items())
        (folder / "keys").write_text(keys)
        # it knows RSA only; the messages are read from files, and no port is opened
        (folder / "settings").write_text(f"TestPublicKeys {folder.resolve()}/keys\nMode v\n")
        files = list[str]()
        for number, message in enumerate(each for each in ODD if len(each) < LONGEST_HEADER):
            (folder / f"{number}").write_bytes(signed(message, SIGNERS[:1]))
            files.append(str(folder / f"{number}"))
        command = [program, "-x", str(folder / "settings"), "-t", ",".join(files)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        output = done.stdout + done.stderr
        self.assertEqual(output.count("verification (s=r"), len(files), output)
        self.assertEqual(output.count("succeeded"), len(files), output)
