"""Envelopes: wanted reports, other recipients."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.envelope import Envelope, Notify
from tests.fakes import path


class EnvelopeTests(SynchronousTestCase):
    def test_wanted_reports(self) -> None:
        for notify, success, failure, delay in (
            (None, False, True, True),
            (Notify.NEVER, False, False, False),
            (Notify.SUCCESS, True, False, False),
            (Notify.SUCCESS | Notify.DELAY, True, False, True),
        ):
            one = path("a@b", notify)
            wishes = [one.wants(each) for each in (Notify.SUCCESS, Notify.FAILURE, Notify.DELAY)]
            self.assertEqual(wishes, [success, failure, delay], notify)

    def test_other_recipients(self) -> None:
        changed = Envelope(None, envelope_id="x").to([path("a@b")])
        self.assertEqual(changed, Envelope(None, (path("a@b"),), envelope_id="x"))
