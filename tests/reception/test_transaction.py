"""The content of a message: checked, completed with fields, handed over."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

from mailhost.interfaces.events import Received
from mailhost.interfaces.outgoing import OutgoingMessage
from mailhost.message.content import Content
from mailhost.message.envelope import Body
from mailhost.message.header import values
from mailhost.message.status import LOCAL_ERROR, Status
from mailhost.outgoing import Outgoing
from mailhost.reception.rules import Rules
from tests.fakes import now, path
from tests.reception.context import ANN, MESSAGE, UNKNOWN_CLIENT, ReceptionCase

HOP = b"Received: from x by y; z\r\n"


class HandOverTests(ReceptionCase):
    def test_the_bytes_are_untouched_below_our_received_field(self) -> None:
        for size in (10, 5000):
            self.handover.taken.clear()
            message = b"A:\t\xff\x00 \r\nB:x\r\n\r\n.\r\n" + b"\xfe" * size
            self.send(message)
            envelope, content, identity = self.handover.taken[0]
            top, found, rest = content.partition(b"A:\t")
            self.assertEqual(found + rest, message)
            self.assertEqual(
                top.decode(),
                "Received: from far.example ([192.0.2.7])\r\n"
                f"\tby mx.a.example (mailhost) with ESMTP id {identity}\r\n"
                "\tfor <bob@a.example>; Tue, 14 Nov 2023 22:13:20 +0000\r\n",
            )
            self.assertEqual(str(envelope.reverse_path), "sue@far.example")

    def test_accounts_that_were_found_at_rcpt_are_handed_on(self) -> None:
        self.send(MESSAGE)
        known = self.handover.known
        assert known is not None
        self.assertIs(known.view, self.directory.view)
        accounts = {str(path): str(found.address) for path, found in known.accounts.items()}
        self.assertEqual(accounts, {"bob@a.example": "bob@a.example"})

    def test_the_envelope_is_handed_on(self) -> None:
        more: dict[str, Any] = {
            "body": Body.EIGHT_BIT,
            "envelope_id": "x",
            "smtputf8": True,
            "size": 9,
        }
        self.send(MESSAGE, **more)
        envelope = self.handover.taken[0][0]
        self.assertEqual({name: getattr(envelope, name) for name in more}, more)

    def test_the_reply_is_that_of_the_handover(self) -> None:
        self.handover.status = Status(452, "4.3.1", "Full")
        self.assertEqual(self.send(), [self.handover.status])

    def test_lmtp_has_a_reply_for_each_recipient(self) -> None:
        lmtp = replace(UNKNOWN_CLIENT, protocol="lmtp")
        statuses = self.send(MESSAGE, "ann@a.example", "bob@a.example", client=lmtp)
        self.assertEqual(statuses, [self.handover.status] * 2)
        self.assertIn(b" with LMTP id ", self.handover.taken[0][1])

    def test_the_log_line(self) -> None:
        content = b"Message-ID: <1@far.example>\r\n" + MESSAGE
        self.send(content, "ann@a.example", "bob@a.example")
        (event,) = self.events.of(Received)
        _, taken, identity = self.handover.taken[0]
        self.assertEqual((event.identity, event.size), (identity, len(taken)))
        self.assertIn(
            "received from <sue@far.example> to <ann@a.example>, <bob@a.example>", event.line
        )
        self.assertIn("Message-ID <1@far.example>, by smtp from [192.0.2.7]:4711", event.line)

    def test_the_subject_only_if_it_is_asked_for(self) -> None:
        self.send()
        self.reception = self.reception_with(replace(self.rules, subject=True))
        self.send()
        self.assertEqual([each.subject for each in self.events.of(Received)], ["", "hello"])

    def test_an_added_message_id_is_logged(self) -> None:
        self.send(b"\r\n", client=ANN, sender="ann@a.example")
        (event,) = self.events.of(Received)
        self.assertEqual(event.message_id, f"<{event.identity}@mx.a.example>")
        self.assertIn("as ann@a.example", event.line)

    def test_each_message_has_its_own_identity(self) -> None:
        self.send()
        self.send()
        self.assertNotEqual(self.handover.taken[0][2], self.handover.taken[1][2])


class HopTests(ReceptionCase):
    def test_too_many_hops_are_a_loop(self) -> None:
        (good,) = self.send(HOP * 3 + MESSAGE + HOP * 9)
        self.assertTrue(good.ok)
        (status,) = self.send(HOP * 4 + MESSAGE)
        self.assertEqual((status.code, status.enhanced), (554, "5.4.6"))
        self.assertEqual(len(self.handover.taken), 1)


class BeginningTests(ReceptionCase):
    """Trace fields go on top of a header section, and never turn a body into one."""

    def below(self, content: bytes, **more: Any) -> bytes:
        """Return the octets below the Received field of the host."""
        self.handover.taken.clear()
        (status,) = self.send(content, **more)
        self.assertTrue(status.ok, status)
        top, found, rest = self.handover.taken[0][1].partition(b" 22:13:20 +0000\r\n")
        self.assertTrue(top.startswith(b"Received: ") and found)
        return rest

    def test_a_body_becomes_no_header(self) -> None:
        odd = (
            b"hello there\r\nFrom: bob@a.example\r\n\r\n" + b"x" * 500
        )  # so long that it is written to a file
        for content in (odd, odd[:30], b" " + odd):
            self.assertEqual(self.below(content), b"\r\n" + content)
        self.assertEqual(self.below(b"From x y\r\n" + MESSAGE), MESSAGE)
        self.assertEqual(self.below(MESSAGE), MESSAGE)

    def test_results_in_our_name_are_removed_for_all_clients(self) -> None:
        forged = b"Authentication-Results: MX.a.example; spf=pass\r\n"
        others = b"Authentication-Results: mx.far.example; spf=pass\r\n"
        lmtp = replace(UNKNOWN_CLIENT, protocol="lmtp")
        for client in (UNKNOWN_CLIENT, lmtp):
            rest = self.below(forged + others + MESSAGE + forged, client=client)
            self.assertEqual(rest, others + MESSAGE + forged)
        own = b"From: ann@a.example\r\n\r\n"
        rest = self.below(forged + own, client=ANN, sender="ann@a.example")
        self.assertNotIn(forged, rest)
        self.assertTrue(rest.endswith(own), rest)
        large = b"X-A: " + b"x" * 900 + b"\r\n"  # so large that the message is in a file
        self.assertEqual(self.below(large + forged + MESSAGE), large + MESSAGE)

    def test_a_body_becomes_no_header_with_lmtp_or_a_login(self) -> None:
        lmtp = replace(UNKNOWN_CLIENT, protocol="lmtp")
        self.assertEqual(self.below(b"hello", client=lmtp), b"\r\nhello")
        rest = self.below(b"x\r\nFrom: bob@a.example\r\n", client=ANN, sender="ann@a.example")
        header, _, body = rest.partition(b"\r\n\r\n")
        self.assertIn(b"From: <ann@a.example>", header)
        self.assertEqual(body, b"x\r\nFrom: bob@a.example\r\n")

    def test_received_fields_in_the_body_are_no_hops(self) -> None:
        self.below(b"no field\r\n" + HOP * 9)

    def test_a_header_that_is_too_large_is_refused(self) -> None:
        filler = b"X-Y: " + b"x" * 900 + b"\r\n"
        large = b"From: ann@a.example\r\n" + filler * 2000 + b"From: bob@a.example\r\n\r\nbody"
        for client, sender in ((ANN, "ann@a.example"), (UNKNOWN_CLIENT, "sue@far.example")):
            (status,) = self.send(large, client=client, sender=sender)
            self.assertEqual((status.code, status.enhanced), (554, "5.6.0"))
        self.assertEqual(self.handover.taken, [])

    def test_binary_mail_with_other_line_ends_in_its_header(self) -> None:
        more: dict[str, Any] = {"client": ANN, "sender": "ann@a.example", "body": Body.BINARY}
        for content in (b"A: 1\rFrom: bob@a.example\r\n\r\n", b"A: 1\n\nFrom: x\r\n\r\n"):
            (status,) = self.send(content, **more)
            self.assertEqual((status.code, status.enhanced), (554, "5.6.0"))
        self.assertTrue(self.below(b"A: 1\r\n\r\n\n\r\0", **more).endswith(b"\r\n\r\n\n\r\0"))


class AddedFieldTests(ReceptionCase):
    def test_fields_are_added_only_with_a_login(self) -> None:
        for client, sender, count in (
            (UNKNOWN_CLIENT, "sue@far.example", 0),
            (ANN, "ann@a.example", 1),
        ):
            self.handover.taken.clear()
            self.send(b"Subject: x\r\n\r\nbody", client=client, sender=sender)
            _, content, identity = self.handover.taken[0]
            for name in ("From", "Date", "Message-ID"):
                self.assertEqual(len(values(content, name)), count)
        self.assertIn(f"Message-ID: <{identity}@mx.a.example>".encode(), content)

    def test_the_author_of_a_message_with_the_null_reverse_path(self) -> None:
        self.send(b"Subject: x\r\n\r\n", client=ANN, sender="")
        self.assertEqual(values(self.handover.taken[0][1], "From"), ["<ann@a.example>"])


class LeavingTests(ReceptionCase):
    """Which messages pass the last steps for mail in our name."""

    def left(self, **more: Any) -> list[bool]:
        """Whether each message that passed them is one that is only relayed."""
        seen: list[bool] = []

        def leave(outgoing: Outgoing, message: OutgoingMessage) -> Content:
            seen.append(message.relayed)
            return message.content

        self.patch(Outgoing, "leave", leave)
        client = replace(UNKNOWN_CLIENT, **more)
        self.send(b"Subject: x\r\n\r\n", client=client, sender="ann@a.example")
        return seen

    def test_those_of_users_and_of_listed_networks(self) -> None:
        networks = (ip_network("192.0.2.0/28"),)
        self.reception = self.reception_with(Rules("mx.a.example", networks=networks))
        self.assertEqual(self.left(account=ANN.account), [False])
        self.assertEqual(self.left(), [True])
        self.assertEqual(self.left(ip="192.0.2.77"), [])
        self.assertEqual(self.left(protocol="lmtp"), [])

    def test_nothing_is_added_for_networks_but_by_those_steps(self) -> None:
        networks = (ip_network("192.0.2.0/28"),)
        self.reception = self.reception_with(Rules("mx.a.example", networks=networks))
        self.send(b"Subject: x\r\n\r\n")
        self.assertEqual(values(self.handover.taken[0][1], "Date"), [])


class DiskTests(ReceptionCase):
    def test_content_that_cannot_be_read_again(self) -> None:
        def broken(fd: int, length: int, offset: int) -> bytes:
            raise OSError(errno.EIO, "broken")

        self.patch(os, "pread", broken)
        (status,) = self.send(b"x" * 1000)
        self.assertEqual(replace(status, cause=""), LOCAL_ERROR)
        self.assertEqual(self.handover.taken, [])


class AbandonTests(ReceptionCase):
    def test_an_abandoned_message_leaves_nothing(self) -> None:
        before = len(os.listdir("/dev/fd"))
        transaction = self.begin()
        now(transaction.recipient(path("bob@a.example")))
        collector = self.collector(transaction)
        now(collector.write(b"x" * 1000))
        self.assertEqual(len(os.listdir("/dev/fd")), before + 1)
        transaction.abandon()
        del collector
        self.assertEqual(len(os.listdir("/dev/fd")), before)
        self.assertEqual((self.handover.taken, self.events.told), ([], []))

    def test_abandoned_before_data(self) -> None:
        self.begin().abandon()
