"""The authorities of this machine, by which chains are verified."""

from __future__ import annotations

from datetime import UTC, datetime

from twisted.trial.unittest import SynchronousTestCase

from mailhost.doctor.host.chain import chain_fault
from tests.net.tls.handshakes import issue


class SystemStoreTests(SynchronousTestCase):
    def test_the_store_lives_as_long_as_it_is_used(self) -> None:
        """Otherwise OpenSSL reads memory that was freed, and most runs of this test crash."""
        root, key = issue("Authority")
        leaf, _ = issue("mail.example.com", root, key, ca=False)
        for _ in range(5):
            junk = [bytearray(100_000) for _ in range(50)]
            self.assertIn("unable to get local issuer", chain_fault([leaf], datetime.now(UTC)))
            del junk
