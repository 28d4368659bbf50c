"""The reception with filters: the stages before a message."""

from __future__ import annotations

from typing import Any

from mailhost.interfaces.verdict import (
    PASS,
    Mail,
    Stage,
    Verdict,
    defer,
    edit,
    quarantine,
    reject,
    tag,
)
from mailhost.message.status import Status
from tests.fakes import now
from tests.reception.filters.chain_fakes import FakeFilter, FakeSessionFilter
from tests.reception.filters.filtered import FilteredCase
from tests.reception.filters.mails import CLIENT

NO = Status(550, "5.1.1", "Nobody of that name here")


GO_AWAY = "550 5.7.1 Go away [first]"


class StageTests(FilteredCase):
    def test_a_greeting_has_its_own_codes(self) -> None:
        for verdict, code in ((reject("Go away"), 554), (defer("Later"), 421)):
            self.make(FakeFilter(verdict, Stage.CONNECTED))
            refusal: Any = now(self.reception.connected(CLIENT))
            self.assertEqual(refusal.code, code)

    def test_hello(self) -> None:
        self.make(FakeFilter(reject("Go away"), Stage.HELLO))
        self.assertIsNone(now(self.reception.connected(CLIENT)))
        self.assertEqual(str(now(self.reception.hello(CLIENT))), GO_AWAY)

    def test_a_sender(self) -> None:
        session_filter = FakeSessionFilter()
        self.make(FakeFilter(reject("Go away"), Stage.SENDER), session_filter)
        self.assertEqual(str(self.mail()), GO_AWAY)
        self.assertEqual(self.behind.all, [])
        self.assertEqual(session_filter.calls, ["visit", "abandon"])

    def test_the_reception_behind_refuses_the_sender(self) -> None:
        session_filter = FakeSessionFilter()
        self.make(session_filter)
        self.behind.answers["mail"] = NO
        self.assertEqual(self.mail(), NO)
        self.assertEqual(session_filter.calls, ["visit", "SENDER", "abandon"])

    def test_the_reply_is_that_of_the_reception_behind(self) -> None:
        self.make(FakeFilter(PASS, Stage.SENDER))
        self.assertEqual(str(self.mail().opened), "250 2.1.0 Welcome")

    def test_another_sender(self) -> None:
        def changed(mail: Mail) -> Verdict:
            return edit(mail.sent_by(None), "nobody")

        self.make(FakeFilter(changed, Stage.SENDER))
        self.send("ann@a.example")
        self.assertIsNone(self.behind.all[0].envelope.reverse_path)

    def test_tags_of_the_connection_stay(self) -> None:
        last = FakeFilter()
        self.make(FakeFilter(tag("friend", "known"), Stage.CONNECTED), last)
        now(self.reception.connected(CLIENT))
        for _ in range(2):
            self.send("ann@a.example")
        self.assertEqual([each.tags for each in last.asked], [{"friend"}] * 2)

    def test_a_verdict_is_for_one_message(self) -> None:
        verdicts = [quarantine("odd"), PASS]
        self.make(FakeFilter(lambda mail: verdicts.pop(0)))
        self.send("ann@a.example")
        self.send("ann@a.example")
        self.assertEqual(len(self.queue.kept), 1)
        self.assertEqual(self.ends, ["abandoned", "ended"])

    def test_the_client_disconnects(self) -> None:
        session_filter = FakeSessionFilter()
        self.make(session_filter)
        self.reception.disconnected()
        self.assertEqual(session_filter.calls, ["visit", "leave"])
        self.assertTrue(self.behind.gone)
