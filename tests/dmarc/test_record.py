"""Policy records: defaults, faults, old tags."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.dmarc.record import DMARCRecord, Policy, Suffix, faulty_tags, is_dmarc, parse_record

NONE, QUARANTINE, REJECT = Policy.NONE, Policy.QUARANTINE, Policy.REJECT


def read(text: str) -> DMARCRecord:
    """The record with these tags."""
    record = parse_record(b"v=DMARC1; " + text.encode())
    assert record is not None
    return record


class Records(SynchronousTestCase):
    def test_which_records_are_of_dmarc(self) -> None:
        for record in (b"v=DMARC1", b"v=DMARC1;p=none", b"v = DMARC1 ; p=none"):
            self.assertTrue(is_dmarc(record), record)
        for record in (b"", b"v=dmarc1; p=none", b"v=DMARC10", b"p=none; v=DMARC1", b"v=DMARC1 p"):
            self.assertFalse(is_dmarc(record), record)

    def test_defaults(self) -> None:
        self.assertEqual(read(""), DMARCRecord())

    def test_all_tags(self) -> None:
        record = read(
            "p=Reject; sp=quarantine; np=none; adkim=s; aspf=s; t=y; psd=n; fo=1:d;"
            "rua=mailto:a@b.example!10m , mailto:c@d.example,https://e.example;ruf=mailto:f@g.example"
        )
        self.assertEqual(
            (record.policy, record.subdomains, record.nonexistent),
            (REJECT, QUARANTINE, NONE),
        )
        self.assertEqual((record.strict_dkim, record.strict_spf, record.testing), (True,) * 3)
        self.assertEqual((record.suffix, record.failure_options), (Suffix.NO, "1:d"))
        self.assertEqual(record.reports, ("mailto:a@b.example", "mailto:c@d.example"))
        self.assertEqual(record.failure_reports, ("mailto:f@g.example",))

    def test_policies_of_subdomains(self) -> None:
        for tags, wanted in (
            ("p=reject", (REJECT, REJECT, REJECT)),
            ("p=none; sp=reject", (NONE, REJECT, REJECT)),
            ("p=none; np=reject", (NONE, NONE, REJECT)),
        ):
            record = read(tags)
            self.assertEqual((record.policy, record.subdomains, record.nonexistent), wanted)

    def test_old_tags_are_read_and_change_nothing(self) -> None:
        record = read("p=reject; pct=20; rf=afrf; ri=86400")
        self.assertEqual((record.percent, record.report_format), (20, "afrf"))
        self.assertEqual((record.report_interval, record.policy), (86_400, REJECT))
        self.assertFalse(record.testing)
        for tags in ("pct=101", "pct=-1", "pct=x", "pct="):
            self.assertEqual(read(tags), DMARCRecord())

    def test_faults_give_the_defaults(self) -> None:
        record = read("p=reject;;nonsense;=;t=maybe;psd=x;adkim=z;x=\xff;p=none;rua=,!,mailto:x")
        self.assertEqual(record, DMARCRecord(REJECT, REJECT, REJECT))

    def test_a_policy_that_is_not_known(self) -> None:
        for tags in ("p=block", "p=", "p=none; sp=x", "p=none; np=x"):
            self.assertIsNone(parse_record(b"v=DMARC1;" + tags.encode()))
            record = read(f"{tags}; rua=mailto:a@b.example")
            self.assertEqual((record.policy, record.subdomains), (NONE, NONE))


class FaultyTags(SynchronousTestCase):
    """Tags with values that cannot be used."""

    def test_each_tag(self) -> None:
        for tag in ("p=rejct", "sp=", "np=all", "adkim=x", "aspf=rs", "psd=yes", "t=1"):
            self.assertEqual((tag,), faulty_tags(f"v=DMARC1; {tag}; pct=x".encode()))
        for tag in ("rua=a@b.example", "ruf=mailto:a@b.example,c@d.example", "rua=", "rua=mailto:"):
            self.assertEqual((tag,), faulty_tags(f"v=DMARC1; p=none; {tag}".encode()))

    def test_none(self) -> None:
        text = b"v=DMARC1; P=Reject; rua=mailto:a@b.example!10m, https://c.example; t=y; x=1"
        self.assertEqual((), faulty_tags(text))
