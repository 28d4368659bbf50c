"""The TLS-Required field (RFC 8689 §3)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.tls_demand import TLSDemand, demand_of_header

FROM = b"From: ann@here.example\r\n"


class FieldTests(SynchronousTestCase):
    def test_no_makes_tls_optional(self) -> None:
        for field in (b"TLS-Required: No", b"tls-required:no", b"TLS-Required:\r\n no "):
            for header in (field + b"\r\n" + FROM, FROM + field + b"\r\n"):
                self.assertIs(demand_of_header(header), TLSDemand.OPTIONAL, header)

    def test_all_else_is_ignored(self) -> None:
        no = b"TLS-Required: No\r\n"
        for field in (
            b"",
            b"TLS-Required: Yes\r\n",
            b"TLS-Required:\r\n",
            b"TLS-Required: No, thanks\r\n",
            b"X-TLS-Required: No\r\n",
            b"TLS-Required-Not: No\r\n",
            no + no,
            no + b"TLS-Required: Yes\r\n",
        ):
            self.assertIs(demand_of_header(field + FROM), TLSDemand.USUAL, field)
