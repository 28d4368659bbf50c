"""Reports, read with the standard library."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.address import Address, parse_address
from mailhost.message.content import Content, FileSlice
from mailhost.message.dsn import (
    LARGEST_RETURNED_MESSAGE,
    RecipientReport,
    Report,
    compose,
    enhanced_or_default,
    is_ascii,
)
from tests.message.reports import parts, raw_part, status_fields

ORIGINAL = b"From: <ann@here.example>\r\nSubject: lunch\r\n\r\nAt noon?\r\n"
BOB = RecipientReport(
    address=parse_address("bob@there.example"),
    action="failed",
    status="5.1.1",
    diagnostic="550 5.1.1 No such user",
    remote="mx.there.example [192.0.2.7]",
    original="rfc822;Bob@There.example",
    last_attempt=1_700_000_060.0,
)
REPORT = Report(
    hostname="mail.here.example",
    to=parse_address("ann@here.example"),
    subject="Your message could not be delivered",
    text="It could not be delivered.\n\nTry again.",
    recipients=(BOB,),
    returned=Content((ORIGINAL,)),
    whole=True,
    envelope_id="QQ314159",
    arrived=1_700_000_000.0,
    identity="m1",
)


def written(report: Report) -> bytes:
    """Return the octets of a report, whose lines must be valid in SMTP."""
    octets = compose(report).read()
    assert octets.count(b"\n") == octets.count(b"\r") == octets.count(b"\r\n")
    assert max(map(len, octets.split(b"\r\n"))) <= 998
    assert b"\0" not in octets
    return octets


class Whole(SynchronousTestCase):
    """The fields and the text of a report (RFC 6522)."""

    def test_header(self) -> None:
        message, found = parts(written(REPORT))
        self.assertEqual(message.get_content_type(), "multipart/report")
        self.assertEqual(message.get_param("report-type"), "delivery-status")
        self.assertEqual(message["To"], "ann@here.example")
        self.assertEqual(message["From"], "Mail delivery <postmaster@mail.here.example>")
        self.assertEqual(message["Subject"], "Your message could not be delivered")
        self.assertEqual(message["Auto-Submitted"], "auto-replied")
        self.assertEqual(message["MIME-Version"], "1.0")
        self.assertEqual(
            [part.get_content_type() for part in found],
            ["text/plain", "message/delivery-status", "message/rfc822"],
        )

    def test_text(self) -> None:
        _, (text_part, _, _) = parts(written(REPORT))
        self.assertEqual(text_part.get_content().splitlines(), REPORT.text.split("\n"))

    def test_text_outside_ascii(self) -> None:
        report = replace(REPORT, text="nicht zustellbar: größer\n" + "ü" * 500)
        octets = written(report)
        self.assertTrue(octets.isascii())
        _, (text_part, _, _) = parts(octets)
        self.assertEqual(text_part.get_content().splitlines(), report.text.split("\n"))

    def test_every_report_has_a_boundary_of_its_own(self) -> None:
        first, second = (parts(written(REPORT))[0].get_boundary() for _ in range(2))
        self.assertNotEqual(first, second)


class Status(SynchronousTestCase):
    """The part message/delivery-status (RFC 3464)."""

    def test_fields_of_the_message(self) -> None:
        fields, _ = status_fields(written(REPORT))
        self.assertEqual(
            fields.items(),
            [
                ("Reporting-MTA", "dns; mail.here.example"),
                ("Original-Envelope-Id", "QQ314159"),
                ("Arrival-Date", "Tue, 14 Nov 2023 22:13:20 +0000"),
            ],
        )

    def test_fields_of_a_recipient(self) -> None:
        _, (fields,) = status_fields(written(REPORT))
        self.assertEqual(
            fields.items(),
            [
                ("Original-Recipient", "rfc822; Bob@There.example"),
                ("Final-Recipient", "rfc822; bob@there.example"),
                ("Action", "failed"),
                ("Status", "5.1.1"),
                ("Remote-MTA", "dns; mx.there.example"),
                ("Diagnostic-Code", "smtp; 550 5.1.1 No such user"),
                ("Last-Attempt-Date", "Tue, 14 Nov 2023 22:14:20 +0000"),
                ("Final-Log-ID", "m1"),
            ],
        )

    def test_a_delay(self) -> None:
        delayed = replace(BOB, action="delayed", status="4.3.2", retry_until=1_700_432_000.0)
        _, (fields,) = status_fields(written(replace(REPORT, recipients=(delayed,))))
        self.assertEqual(fields["Action"], "delayed")
        self.assertEqual(fields["Will-Retry-Until"], "Sun, 19 Nov 2023 22:13:20 +0000")

    def test_several_recipients(self) -> None:
        eve = RecipientReport(parse_address("eve@x.example"), "relayed", "2.0.0")
        _, groups = status_fields(written(replace(REPORT, recipients=(BOB, eve))))
        recipients = [group["Final-Recipient"] for group in groups]
        self.assertEqual(recipients, ["rfc822; bob@there.example", "rfc822; eve@x.example"])

    def test_addresses_are_shown_as_they_were_written(self) -> None:
        for text in ("try..this.@x.example", '"try..this."@x.example', "a" * 640 + "@x.example"):
            one = replace(BOB, address=parse_address(text, lenient=True), original="")
            octets = written(replace(REPORT, recipients=(one,)))
            self.assertIn(f"Final-Recipient: rfc822; {text}", " ".join(octets.decode().split()))

    def test_unknown_values_have_no_field(self) -> None:
        eve = RecipientReport(parse_address("eve@x.example"), "relayed", "2.0.0")
        report = replace(REPORT, recipients=(eve,), envelope_id="", arrived=None, identity="")
        fields, (recipient,) = status_fields(written(report))
        self.assertEqual(fields.keys(), ["Reporting-MTA"])
        self.assertEqual(recipient.keys(), ["Final-Recipient", "Action", "Status"])

    def test_replies_with_line_ends_make_no_fields(self) -> None:
        evil = replace(BOB, diagnostic="550 no\r\nAction: delivered\r\n\r\nStatus: 2.0.0\0\n.")
        _, (fields,) = status_fields(written(replace(REPORT, recipients=(evil,))))
        self.assertEqual(fields.get_all("Action"), ["failed"])
        self.assertIn("no Action: delivered Status: 2.0.0 .", fields["Diagnostic-Code"])

    def test_long_replies_are_folded(self) -> None:
        long = replace(BOB, diagnostic="550 " + "words " * 300 + "x" * 1500)
        _, (fields,) = status_fields(written(replace(REPORT, recipients=(long,))))
        self.assertTrue(" ".join(fields["Diagnostic-Code"].split()).startswith("smtp; 550 words "))

    @settings(deadline=None)
    @given(st.text(), st.text(), st.text(), st.text(min_size=1), st.booleans())
    def test_any_text_anywhere(
        self, diagnostic: str, original: str, envelope_id: str, local: str, utf8: bool
    ) -> None:
        address = Address(local, "x.example")
        one = replace(BOB, address=address, diagnostic=diagnostic, original=f"rfc822;{original}")
        report = replace(
            REPORT,
            to=address,
            text=diagnostic,
            envelope_id=envelope_id,
            recipients=(one,),
            international=utf8,
        )
        octets = written(report)
        self.assertTrue(utf8 or octets.isascii())

    def test_enhanced_codes(self) -> None:
        self.assertEqual(enhanced_or_default("5.7.26", 550), "5.7.26")
        self.assertEqual(enhanced_or_default("", 421), "4.0.0")
        self.assertEqual(enhanced_or_default("9.9.9", 554), "5.0.0")


class Returned(SynchronousTestCase):
    """The part with the original message."""

    def kind_of(self, report: Report) -> tuple[str, str, bytes]:
        """Return the type, encoding and body of the third part."""
        octets = written(report)
        part = parts(octets)[1][2]
        return part.get_content_type(), part["Content-Transfer-Encoding"], raw_part(octets, 2)

    def test_the_whole_message(self) -> None:
        self.assertEqual(self.kind_of(REPORT), ("message/rfc822", "7bit", ORIGINAL))

    def test_the_header_alone(self) -> None:
        header = ORIGINAL.partition(b"\r\n\r\n")[0] + b"\r\n"
        wanted = ("text/rfc822-headers", "7bit", header)
        self.assertEqual(self.kind_of(replace(REPORT, whole=False)), wanted)

    def test_a_large_message_is_returned_as_its_header(self) -> None:
        big = Content((ORIGINAL, b"x" * 70 + b"\r\n") + (b"y" * 498 + b"\r\n",) * 2000)
        self.assertGreater(big.size, LARGEST_RETURNED_MESSAGE)
        self.assertEqual(self.kind_of(replace(REPORT, returned=big))[0], "text/rfc822-headers")

    def test_nothing_is_copied(self) -> None:
        body = b"z" * 500 + b"\r\n"
        pieces = compose(replace(REPORT, returned=Content((ORIGINAL, body)))).pieces
        self.assertTrue(any(piece is body for piece in pieces))
        self.assertFalse(any(isinstance(piece, FileSlice) for piece in pieces))

    def test_eight_bit_is_declared(self) -> None:
        body = ORIGINAL + "größer\r\n".encode()
        report = replace(REPORT, returned=Content((body,)))
        self.assertEqual(self.kind_of(report), ("message/rfc822", "8bit", body))
        self.assertEqual(parts(written(report))[0]["Content-Transfer-Encoding"], "8bit")
        self.assertFalse(is_ascii(compose(report)))
        self.assertTrue(is_ascii(compose(REPORT)))

    def test_lines_that_are_too_long(self) -> None:
        long = Content((b"Subject: " + b"x" * 5000 + b"\r\n\r\n" + b"y" * 2000 + b"\r\n",))
        kind, _, body = self.kind_of(replace(REPORT, returned=long))
        self.assertEqual(kind, "text/rfc822-headers")
        self.assertTrue(body.startswith(b"Subject: xxx"))

    def test_a_huge_header_is_cut(self) -> None:
        huge = Content((b"X-Y: zzzzzzzzzzzzzzzzzzz\r\n" * 60_000 + b"\r\n",))
        _, _, body = self.kind_of(replace(REPORT, returned=huge))
        self.assertLess(len(body), 70_000)
        self.assertTrue(body.endswith(b"zzz\r\n"))

    def test_no_header_at_all(self) -> None:
        for original in (b"", b"\r\n", b"\r\nbody\r\n", b"no line end"):
            self.kind_of(replace(REPORT, returned=Content((original,)), whole=False))


class International(SynchronousTestCase):
    """Reports with UTF-8 addresses (RFC 6533)."""

    report = replace(
        REPORT,
        to=parse_address("änn@here.example"),
        recipients=(replace(BOB, address=parse_address("böb@there.example")),),
        international=True,
        returned=Content((b"Subject: " + "grüße".encode() + b"\r\n\r\nhallo\r\n",)),
    )

    def test_types(self) -> None:
        octets = written(self.report)
        kinds = [part.get_content_type() for part in parts(octets)[1]]
        self.assertEqual(kinds, ["text/plain", "message/global-delivery-status", "message/global"])
        headers = written(replace(self.report, whole=False))
        self.assertEqual(parts(headers)[1][2].get_content_type(), "message/global-headers")

    def test_addresses(self) -> None:
        octets = written(self.report)
        self.assertIn("To: <änn@here.example>\r\n".encode(), octets)
        _, (fields,) = status_fields(octets)
        self.assertEqual(fields["Final-Recipient"], "utf-8; böb@there.example")

    def test_ascii_otherwise(self) -> None:
        hostile = replace(BOB, diagnostic="550 größer")
        octets = written(replace(REPORT, recipients=(hostile,)))
        self.assertIn(b"smtp; 550 gr??er", octets)
        self.assertTrue(octets.isascii())
