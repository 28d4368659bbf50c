"""Our signatures, verified by mailauth, a library for Node.js, and its signatures here."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.dkim.messages import DOMAIN, KEYS, NOW, SIGNERS, signed, statuses
from tests.dkim.test_sign import ODD

SCRIPT = Path(__file__).with_name("mailauth.cjs")
WITH_BODY = [each for each in ODD if b"\r\n\r\n" in each]  # it needs the empty line
NODE_MODULES = Path(__file__).parents[2] / ".npm" / "node_modules"


class Mailauth(SynchronousTestCase):
    def run_script(self, verify: list[bytes], sign: list[bytes]) -> dict[str, Any]:
        node = shutil.which("node")
        if node is None or not (NODE_MODULES / "mailauth").exists():
            raise SkipTest("mailauth is not installed: npm install --prefix .npm mailauth")
        keys = [
            {
                "signingDomain": DOMAIN,
                "selector": each.selector,
                "privateKey": each.key.pem().decode(),
                "algorithm": each.key.algorithm,
            }
            for each in SIGNERS
        ]
        asked = {
            "verify": [base64.b64encode(each).decode() for each in verify],
            "records": {name: record[0].decode() for (_, name), record in KEYS.items()},
            "sign": [base64.b64encode(each).decode() for each in sign],
            "keys": keys,
            "now": int(NOW),
        }
        done = subprocess.run(
            [node, str(SCRIPT)],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**os.environ, "NODE_PATH": str(NODE_MODULES)},
        )
        self.assertEqual(0, done.returncode, done.stderr)
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def test_it_accepts_our_signatures_of_odd_mail(self) -> None:
        found = self.run_script([signed(each) for each in WITH_BODY], [])["verified"]
        for message, results in zip(WITH_BODY, found, strict=True):
            self.assertEqual(results, ["pass", "pass"], message[:300])

    def test_we_accept_its_signatures_of_odd_mail(self) -> None:
        for text in self.run_script([], WITH_BODY)["signed"]:
            message = base64.b64decode(text)
            self.assertEqual(statuses(message), ["pass", "pass"], message[:900])
