"""TXT records of MTA-STS."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.mta_sts.record import BadSTSRecord, is_sts, policy_id


class RecordTests(SynchronousTestCase):
    def test_records(self) -> None:
        for record in (b"v=STSv1; id=20260101T00;", b"v=STSv1 ;id=20260101T00;x=y"):
            self.assertTrue(is_sts(record))
            self.assertEqual("20260101T00", policy_id(record))
        for record in (b"v=STSv1", b"v=STSv11; id=1", b" v=STSv1; id=1", b"v=spf1 -all"):
            self.assertFalse(is_sts(record))

    def test_faults(self) -> None:
        for rest in (b"", b" id=", b" id=a-b", b" id=" + b"a" * 33, b" id=1; id=2", b" x", b"\xff"):
            self.assertRaises(BadSTSRecord, policy_id, b"v=STSv1;" + rest)
