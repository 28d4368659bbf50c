"""Reports as reporters send them."""

from __future__ import annotations

import gzip
import json
from typing import Any

from mailhost.dkim.keys import make_ed25519_key
from mailhost.dkim.sign import Signer
from mailhost.message.mime.encodings import encode_base64
from tests.dkim.messages import records_of, signed

# the values of RFC 8460 appendix B, about the domain company-y.example
EXAMPLE: dict[str, Any] = {
    "organization-name": "Company-X",
    "date-range": {
        "start-datetime": "2016-04-01T00:00:00Z",
        "end-datetime": "2016-04-01T23:59:59Z",
    },
    "contact-info": "sts-reporting@company-x.example",
    "report-id": "5065427c-23d3-47ca-b6e0-946ea0e8c4be",
    "policies": [
        {
            "policy": {
                "policy-type": "sts",
                "policy-string": [
                    "version: STSv1",
                    "mode: testing",
                    "mx: *.mail.company-y.example",
                    "max_age: 86400",
                ],
                "policy-domain": "company-y.example",
                "mx-host": ["*.mail.company-y.example"],
            },
            "summary": {
                "total-successful-session-count": 5326,
                "total-failure-session-count": 303,
            },
            "failure-details": [
                {
                    "result-type": "certificate-expired",
                    "sending-mta-ip": "2001:db8:abcd:0012::1",
                    "receiving-mx-hostname": "mx1.mail.company-y.example",
                    "failed-session-count": 100,
                },
                {
                    "result-type": "starttls-not-supported",
                    "sending-mta-ip": "2001:db8:abcd:0013::1",
                    "receiving-mx-hostname": "mx2.mail.company-y.example",
                    "receiving-ip": "203.0.113.56",
                    "failed-session-count": 200,
                    "additional-information": "https://reports.company-x.example/report_info",
                },
                {
                    "result-type": "validation-failure",
                    "sending-mta-ip": "198.51.100.62",
                    "receiving-ip": "203.0.113.58",
                    "receiving-mx-hostname": "mx-backup.mail.company-y.example",
                    "failed-session-count": 3,
                    "failure-reason-code": "X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED",
                },
            ],
        }
    ],
}
REPORTER = "company-x.example"
SIGNER = Signer(REPORTER, "s", make_ed25519_key())
KEYS = records_of(SIGNER)


def as_json(**changes: Any) -> bytes:
    """The example with other values, as JSON."""
    return json.dumps(EXAMPLE | changes).encode()


def about(domain: str, **changes: Any) -> bytes:
    """The example about another domain, as JSON."""
    return as_json(**changes).replace(b"company-y.example", domain.encode())


def message(
    attached: bytes, domain: str = "", kind: str = "gzip", author: str = f"tls@{REPORTER}"
) -> bytes:
    """A message with a report, without a signature."""
    header = (
        f"From: {author}\r\nTo: tls@example.org\r\nSubject: Report\r\n"
        + (f"TLS-Report-Domain: {domain}\r\n" if domain else "")
        + f"TLS-Report-Submitter: {REPORTER}\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type="tlsrpt"; boundary="x"\r\n\r\n'
        "--x\r\nContent-Type: text/plain\r\n\r\nThis is a report.\r\n"
        f"--x\r\nContent-Type: application/tlsrpt+{kind}\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n"
    )
    return header.encode() + encode_base64(attached) + b"\r\n--x--\r\n"


def signed_message(report: bytes, domain: str = "", author: str = f"tls@{REPORTER}") -> bytes:
    """A message with a report in gzip, signed by its reporter."""
    return signed(message(gzip.compress(report), domain, author=author), (SIGNER,))
