"""Chains of certificates against the authorities that this machine trusts."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailhost.doctor.host.chain import chain_fault
from tests.net.tls.handshakes import issue, pem


class ChainTests(SynchronousTestCase):
    def test_the_authorities_of_this_machine(self) -> None:
        """Many times: a store that is used after it is freed is whole sometimes."""
        root, key = issue("root")
        certificate, _ = issue("mx.example.org", root, key, ca=False)
        stranger, _ = issue("mx.example.org", *issue("other"), ca=False)
        path = Path(self.mktemp())
        path.write_bytes(pem(root))
        os.environ["SSL_CERT_FILE"] = str(path)
        self.addCleanup(os.environ.pop, "SSL_CERT_FILE")
        now = datetime.now(UTC)
        for _ in range(20):
            self.assertEqual("", chain_fault([certificate], now))
            self.assertIn("CN=other", chain_fault([stranger], now))
