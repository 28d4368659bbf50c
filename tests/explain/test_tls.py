"""The decision about TLS as text: the memory of TLS."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailhost.explain.tls import decision_text
from mailhost.relay.tls.decision import HostFacts, TLSPolicies
from mailhost.relay.tls.demands import decide_for_message
from mailhost.relay.tls.memory import BestTLS, ExpectedTLS

HOST = HostFacts("mx.example.org")


class MemoryTests(SynchronousTestCase):
    def text(self, enforced: bool) -> str:
        """The text about a host that had TLS."""
        host = replace(HOST, expected=ExpectedTLS(BestTLS(20_785), enforced))
        return decision_text(decide_for_message(TLSPolicies("example.org"), host))

    def test_a_warning(self) -> None:
        self.assertIn("the host had TLS on 2026-11-28, so the log warns", self.text(False))

    def test_enforced(self) -> None:
        text = self.text(True)
        self.assertTrue(text.startswith("TLS is required;"))
        self.assertIn("decided by its TLS of 2026-11-28", text)

    def test_nothing_is_remembered(self) -> None:
        text = decision_text(decide_for_message(TLSPolicies("example.org"), HOST))
        self.assertNotIn("had TLS", text)
