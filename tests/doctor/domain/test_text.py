"""The report about a domain, at width 80."""

from __future__ import annotations

from mailhost.doctor.report import report_text
from mailhost.interfaces.dns import MXRecord
from tests.doctor.domain.zones import DomainCase

EXPECTED = """\
Domain example.com
  ok              MX of example.com: 10 mail.example.com., 20 old.example.com.
  ok              MX host mail.example.com: 1.2.3.4, 2606:4700::1
  warning         MX host old.example.com: it has no address
                  Mail cannot be sent to a host without an address.
                  [doctor/mx-dangling]
                  Remedy: Give old.example.com A and AAAA records, or remove its
                  MX record.
  warning         SPF of example.com: v=spf1 mx
                  An SPF record without ~all or -all says nothing about
                  strangers. [doctor/spf-no-end]
                  Remedy: End the record with ~all, or with -all.
  ok              DMARC of example.com: v=DMARC1; p=reject;
                  rua=mailto:d@example.com, which asks to refuse mail that fails
  ok              SRV of submissions:465, imaps:993 of example.com:
                  imap.example.com
  ok              SRV of submission, imap, pop3 of example.com: there is none:
                  mail programs that look for it must be set up by hand
  ok              SRV of pop3s of example.com: it says that the service is not
                  offered
  ok              MTA-STS record of example.com: v=STSv1; id=20260101
  ok              MTA-STS policy
                  https://mta-sts.example.com/.well-known/mta-sts.txt: mode
                  enforce, max_age 604800, mx *.example.com
  ok              TLSA of mail.example.com: 3 1 1 0000000000000000...; senders
                  use it only with DNSSEC
  ok              TLS-RPT record of example.com: v=TLSRPTv1;
                  rua=mailto:t@example.com,https://a.example
  ok              autoconfig of example.com: mail programs find their settings
                  at https://autoconfig.example.com/mail/config-v1.1.xml

2 warnings, 11 ok
"""


class ReportTests(DomainCase):
    def test_text(self) -> None:
        changes = {
            ("MX", "example.com"): [
                MXRecord(10, "mail.example.com"),
                MXRecord(20, "old.example.com"),
            ],
            ("TXT", "example.com"): [b"v=spf1 mx"],
        }
        lines = list(report_text(self.results(changes), 80))
        self.assertEqual(EXPECTED.splitlines(), lines)
        self.assertLessEqual(max(map(len, lines)), 80)
