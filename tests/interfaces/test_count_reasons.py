"""The reasons under which refusals and faults are counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.count_reasons import (
    FAULT_PARTS,
    MECHANISMS,
    REFUSAL_REASONS,
    known_mechanism,
    part_of_fault,
    reason_of_refusal,
)
from mailhost.message.status import Status

REFUSALS = (
    ("connection", "4.3.2", "connection_limit"),
    ("connection", "4.7.0", "connection_limit"),
    ("connection", "5.7.1", "policy"),
    ("TLS", "4.7.0", "tls"),
    ("AUTH", "4.7.0", "login"),
    ("RCPT TO:<a@b.example>", "5.1.1", "recipient"),
    ("MAIL FROM:<a@b.example>", "5.1.7", "sender"),
    ("RCPT TO:<a@b.example>", "4.2.2", "mailbox_full"),
    ("RCPT TO:<a@b.example>", "4.2.0", "mailbox"),
    ("message", "4.3.1", "storage"),
    ("message", "5.3.4", "size"),
    ("message", "4.3.0", "system"),
    ("message", "5.4.6", "loop"),
    ("message", "4.4.2", "connection_lost"),
    ("RCPT TO:<a@b.example>", "4.4.3", "network"),
    ("FOO", "5.5.1", "command"),
    ("message", "5.6.0", "content"),
    ("message", "5.7.26", "sender_authentication"),
    ("MAIL FROM:<a@b.example>", "5.7.8", "login"),
    ("message", "5.7.1", "policy"),
    ("message", "5.7.5", "tls"),
    ("message", "", "other"),
    ("message", "5.9.9", "other"),
)
PLACES = (
    ("worker 12", "workers"),
    ("workers", "workers"),
    ("another process cannot be started", "workers"),
    ("the writer", "writer"),
    ("the writer, or the disk, stands still", "writer"),
    ("reload refused, the old settings go on", "settings"),
    ("list bl.example", "filters"),
    ("filter milter", "filters"),
    ("DMARC reports", "reports"),
    ("TLS reports", "reports"),
    ("relay", "relay"),
    ("MTA-STS policies", "relay"),
    ("delivery of abc to ann@example.com", "delivery"),
    ("trace", "trace"),
    ("housekeeping", "housekeeping"),
    ("last uses of app passwords", "logins"),
    ("", "other"),
    ("elsewhere", "other"),
)


class ReasonTests(SynchronousTestCase):
    def test_refusals(self) -> None:
        for what, enhanced, reason in REFUSALS:
            self.assertEqual(reason, reason_of_refusal(what, Status(500, enhanced, "")), enhanced)
        self.assertEqual(set(REFUSAL_REASONS), {reason for _, _, reason in REFUSALS})

    def test_faults(self) -> None:
        for where, part in PLACES:
            self.assertEqual(part, part_of_fault(where), where)

    @given(st.text(), st.from_regex(r"[0-9]*(\.[0-9]*)*", fullmatch=True) | st.text())
    def test_no_text_makes_another_word(self, what: str, enhanced: str) -> None:
        self.assertIn(reason_of_refusal(what, Status(500, enhanced, "")), REFUSAL_REASONS)
        self.assertIn(part_of_fault(what), FAULT_PARTS)
        self.assertIn(known_mechanism(what), MECHANISMS)
