"""The transaction with filters: what the reception behind gets, and the replies of the client."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred

from mailhost.interfaces.verdict import (
    PASS,
    Decision,
    Mail,
    Stage,
    Verdict,
    discard,
    edit,
    quarantine,
    reject,
)
from mailhost.message.content import Content
from mailhost.message.status import OK, Status
from mailhost.reception.filters.transaction import NO_RECIPIENT_LEFT
from tests.fakes import envelope, now, path
from tests.reception.filters.chain_fakes import FakeFilter, FakeSessionFilter, FakeWitness
from tests.reception.filters.filtered import CONTENT, FilteredCase
from tests.reception.filters.mails import CLIENT

NO = Status(550, "5.1.1", "Nobody of that name here")


GO_AWAY = "550 5.7.1 Go away [first]"


def with_eve(mail: Mail) -> Verdict:
    """Add a recipient."""
    return edit(mail.sent_to(*mail.envelope.recipients, path("eve@a.example")), "a copy for eve")


class RecipientTests(FilteredCase):
    """Verdicts at RCPT."""

    def only(self, name: str, verdict: Verdict) -> FakeFilter:
        """Return a filter that gives this verdict for one recipient."""

        def answer(mail: Mail) -> Verdict:
            assert mail.recipient is not None
            return verdict if str(mail.recipient.address) == name else PASS

        return FakeFilter(answer, Stage.RECIPIENT)

    def test_one_is_refused_by_a_filter_and_one_behind(self) -> None:
        self.make(self.only("bob@a.example", reject("Go away")))
        self.behind.answers["eve@a.example"] = NO
        replies = self.send("ann@a.example", "bob@a.example", "eve@a.example")
        self.assertEqual(replies, [str(OK), GO_AWAY, str(NO), str(OK)])
        self.assertEqual(self.behind.all[0].paths, ["ann@a.example"])

    def test_all_are_refused(self) -> None:
        self.make(self.only("bob@a.example", reject("Go away")))
        self.assertEqual(self.send("bob@a.example"), [GO_AWAY])
        self.assertEqual(self.ends, ["abandoned"])

    def test_one_is_discarded(self) -> None:
        self.make(self.only("bob@a.example", discard("unwanted")))
        replies = self.send("bob@a.example", "ann@a.example")
        self.assertEqual(replies, ["250 2.1.5 Recipient OK", str(OK), str(OK)])
        self.assertEqual(self.behind.all[0].paths, ["ann@a.example"])

    def test_lmtp_has_a_reply_for_a_discarded_recipient(self) -> None:
        self.behind.lmtp = True
        self.make(self.only("bob@a.example", discard("unwanted")))
        replies = self.send("ann@a.example", "bob@a.example", "eve@a.example")
        self.assertEqual(replies[3:], [str(OK)] * 3)

    def test_all_are_discarded(self) -> None:
        self.make(self.only("bob@a.example", discard("unwanted")))
        self.assertEqual(self.send("bob@a.example")[-1], str(OK))
        self.assertEqual(self.ends, ["abandoned"])

    def test_another_recipient(self) -> None:
        def changed(mail: Mail) -> Verdict:
            return edit(replace(mail, recipient=path("new@a.example")), "moved")

        last = FakeFilter()
        self.make(FakeFilter(changed, Stage.RECIPIENT), last)
        self.send("old@a.example")
        self.assertEqual(self.behind.all[0].paths, ["new@a.example"])
        recipients = last.asked[0].envelope.recipients
        self.assertEqual([str(each.address) for each in recipients], ["new@a.example"])

    def test_pipelined_recipients_are_announced_where_no_filter_is_asked(self) -> None:
        paths = [path("ann@a.example"), path("bob@a.example")]
        for stage, told in ((Stage.MESSAGE, 1), (Stage.RECIPIENT, 0)):
            self.setUp()
            self.make(FakeFilter(PASS, stage))
            self.mail().coming(paths)
            self.assertEqual(len(self.behind.coming), told)


class MessageTests(FilteredCase):
    """Verdicts at the end of the message."""

    def test_it_passes(self) -> None:
        self.make(FakeFilter())
        self.assertEqual(self.send("ann@a.example"), [str(OK), str(OK)])
        self.assertEqual(self.behind.all[0].content, CONTENT.read())
        self.assertEqual(self.ends, ["ended"])

    def test_it_is_refused(self) -> None:
        self.make(FakeFilter(reject("Go away")))
        self.assertEqual(self.send("ann@a.example")[-1], GO_AWAY)
        self.assertEqual(self.ends, ["abandoned"])

    def test_it_is_discarded(self) -> None:
        self.make(FakeFilter(discard("unwanted")))
        self.assertEqual(self.send("ann@a.example")[-1], str(OK))
        self.assertEqual(self.ends, ["abandoned"])

    def test_it_is_held(self) -> None:
        self.make(FakeFilter(quarantine("looks odd")))
        self.assertEqual(self.send("ann@a.example", "bob@a.example")[-1], str(OK))
        self.assertEqual(self.queue.held, ["looks odd"])
        self.assertEqual(self.queue.waiting, [["ann@a.example", "bob@a.example"]])
        self.assertEqual(self.ends, ["abandoned"])

    def test_a_held_message_is_the_one_that_would_have_been_handed_on(self) -> None:
        self.behind.added, self.behind.received = b"Date: now\r\n", b"Received: here\r\n"
        for answer in (PASS, quarantine("looks odd")):
            self.make(FakeFilter(answer))
            self.send("ann@a.example")
        self.assertEqual(self.queue.kept[0][1], self.behind.all[0].content)
        self.assertTrue(self.behind.all[0].content.startswith(b"Received: here\r\nDate: now\r\nS"))

    def test_a_held_message_has_passed_the_rules(self) -> None:
        self.behind.answers["rules"] = Status(554, "5.7.1", "Not your name")
        session_filter, witness, asked = (
            FakeSessionFilter(),
            FakeWitness(),
            FakeFilter(quarantine("looks odd")),
        )
        self.make(session_filter, witness, asked)
        self.assertEqual(self.send("ann@a.example")[-1], "554 5.7.1 Not your name")
        self.assertEqual((self.queue.kept, asked.asked, self.ends), ([], [], ["abandoned"]))
        self.assertEqual(session_filter.calls[-1], "abandon")
        self.assertEqual(witness.calls[0][2], ["554 5.7.1 Not your name"])

    def test_a_changed_envelope_is_checked_before_the_message_is_held(self) -> None:
        def held(mail: Mail) -> Verdict:
            more = (*mail.envelope.recipients, path("eve@a.example"), path("kit@a.example"))
            return Verdict(Decision.QUARANTINE, "odd", mail=mail.sent_to(*more))

        self.make(FakeFilter(held))
        self.behind.answers["eve@a.example"] = NO
        self.send("ann@a.example")
        self.assertEqual(self.queue.waiting, [["ann@a.example", "kit@a.example"]])
        self.assertEqual(self.ends, ["abandoned", "abandoned"])
        self.behind.answers["ann@a.example"] = NO
        del self.queue.kept[:]
        self.make(FakeFilter(lambda mail: held(mail.sent_to(path("ann@a.example")))))
        self.assertEqual(self.send("bob@a.example")[-1], str(NO))
        self.assertEqual(self.queue.kept, [])

    def test_filters_get_the_message_that_leaves(self) -> None:
        self.behind.added, self.behind.received = b"Date: now\r\n", b"Received: here\r\n"
        self.make(fake_filter := FakeFilter())
        self.send("ann@a.example")
        self.assertEqual(fake_filter.asked[0].content.read(), b"Date: now\r\n" + CONTENT.read())
        self.assertEqual(fake_filter.asked[0].received, b"Received: here\r\n")

    def test_it_cannot_be_held(self) -> None:
        self.queue.answers = [Status(452, "4.3.1", "Full")]
        self.make(FakeFilter(quarantine("looks odd")))
        self.assertEqual(self.send("ann@a.example")[-1], "452 4.3.1 Full")

    def test_visits_are_abandoned_when_an_earlier_filter_refuses(self) -> None:
        """Otherwise a visit would mix the message with the next one."""
        for verdict in (reject("Go away"), discard("unwanted")):
            self.setUp()
            session_filter = FakeSessionFilter()
            self.make(FakeFilter(verdict), session_filter)
            self.send("ann@a.example")
            self.assertEqual(session_filter.calls, ["visit", "SENDER", "RECIPIENT", "abandon"])
        self.setUp()
        self.make(
            FakeFilter(discard("unwanted"), Stage.RECIPIENT), session_filter := FakeSessionFilter()
        )
        self.send("ann@a.example")
        self.assertEqual(session_filter.calls[-1], "abandon")

    def test_other_content(self) -> None:
        new = Content((b"Subject: new\r\n\r\n",))
        self.make(FakeFilter(lambda mail: edit(mail.containing(new), "new")))
        self.send("ann@a.example")
        self.assertEqual(self.behind.all[0].content, new.read())
        self.assertEqual(self.ends, ["ended"])

    def test_a_changed_envelope_begins_another_transaction(self) -> None:
        def changed(mail: Mail) -> Verdict:
            return edit(mail.sent_to(path("eve@a.example"), path("kit@a.example")), "others")

        self.make(FakeFilter(changed))
        self.assertEqual(self.send("ann@a.example")[-1], str(OK))
        self.assertEqual(self.ends, ["abandoned", "ended"])
        self.assertEqual(self.behind.all[1].paths, ["eve@a.example", "kit@a.example"])
        self.assertEqual(self.behind.all[1].content, CONTENT.read())

    def test_a_recipient_of_the_client_must_be_accepted(self) -> None:
        """The client was told that they are accepted; nobody would report the loss of one."""
        for later in (NO, Status(451, "4.7.1", "Slow down")):
            self.setUp()
            self.make(FakeFilter(with_eve))
            transaction = self.mail()
            for name in ("ann@a.example", "bob@a.example"):
                now(transaction.recipient(path(name)))
            now(transaction.begin())
            self.behind.answers["bob@a.example"] = later
            self.assertEqual(now(transaction.end(CONTENT)), [later])
            self.assertEqual(self.ends, ["abandoned", "abandoned"])

    def test_a_replaced_recipient_must_be_accepted(self) -> None:
        others = path("bob@a.example"), path("eve@a.example")
        self.make(FakeFilter(lambda mail: edit(mail.sent_to(*others), "others")))
        self.behind.answers["eve@a.example"] = NO
        self.assertEqual(self.send("ann@a.example", "bob@a.example")[-1], str(NO))
        self.assertEqual(self.ends, ["abandoned", "abandoned"])

    def test_an_added_recipient_that_is_deferred_defers_the_message(self) -> None:
        for status, answer in ((Status(452, "4.2.2", "Full"), "452 4.2.2 Full"), (NO, str(OK))):
            self.setUp()
            self.make(FakeFilter(with_eve))
            self.behind.answers["eve@a.example"] = status
            self.assertEqual(self.send("ann@a.example")[-1], answer)
        self.assertEqual(self.ends, ["abandoned", "ended"])
        self.assertIn("eve@a.example", "".join(self.services.events.lines))

    def test_no_recipient_of_a_changed_envelope_is_accepted(self) -> None:
        self.make(FakeFilter(lambda mail: edit(mail.sent_to(path("eve@a.example")), "other")))
        self.behind.answers["eve@a.example"] = NO
        self.assertEqual(self.send("ann@a.example")[-1], str(NO))
        self.assertEqual(self.ends, ["abandoned", "abandoned"])

    def test_an_envelope_without_recipients(self) -> None:
        self.make(FakeFilter(lambda mail: edit(mail.sent_to(), "nobody")))
        self.assertEqual(self.send("ann@a.example")[-1], str(NO_RECIPIENT_LEFT))
        self.assertEqual(self.ends, ["abandoned", "abandoned"])

    def test_another_sender_that_is_refused(self) -> None:
        self.make(FakeFilter(lambda mail: edit(mail.sent_by(None), "nobody")))
        transaction = self.mail()
        now(transaction.recipient(path("ann@a.example")))
        now(transaction.begin())
        self.behind.answers["mail"] = NO
        self.assertEqual(now(transaction.end(CONTENT)), [NO])
        self.assertEqual(self.ends, ["abandoned"])

    def test_lmtp_with_a_changed_envelope_has_one_reply(self) -> None:
        """The client expects as many replies as it named recipients; all get the worst reply."""
        self.behind.lmtp = True
        others = path("eve@a.example"), path("kit@a.example")
        self.make(FakeFilter(lambda mail: edit(mail.sent_to(*others), "others")))
        self.assertEqual(self.send("ann@a.example")[1:], [str(OK)])
        self.behind.answers["end of kit@a.example"] = Status(452, "4.2.2", "Full")
        self.assertEqual(self.send("ann@a.example")[1:], ["452 4.2.2 Full"])


class GoneTests(FilteredCase):
    """The client disconnects while a filter is asked: the reception behind is not asked then."""

    def wait_for(self, stage: Stage) -> Deferred[Verdict]:
        """Make a reception with a filter whose answer is the returned Deferred."""
        answer: Deferred[Verdict] = Deferred()
        self.make(FakeFilter(answer, stage))
        return answer

    def test_at_hello(self) -> None:
        answer = self.wait_for(Stage.HELLO)
        hello: Any = self.reception.hello(CLIENT)
        asked: Deferred[Any] = Deferred.fromCoroutine(hello)
        self.behind.hello = self.fail  # type: ignore[assignment]
        self.reception.disconnected()
        answer.callback(PASS)
        self.assertIsInstance(self.successResultOf(asked), Status)

    def test_at_the_sender(self) -> None:
        answer = self.wait_for(Stage.SENDER)
        asked = Deferred.fromCoroutine(self.reception.transaction(CLIENT, envelope()))
        self.reception.disconnected()
        answer.callback(PASS)
        self.assertIsInstance(self.successResultOf(asked), Status)
        self.assertEqual(self.behind.all, [])

    def test_at_a_recipient(self) -> None:
        for gone in (True, False):  # or `abandon`, as after a timeout
            self.setUp()
            answer = self.wait_for(Stage.RECIPIENT)
            transaction = self.mail()
            asked = Deferred.fromCoroutine(transaction.recipient(path("ann@a.example")))
            transaction.abandon()
            if gone:
                self.reception.disconnected()
            answer.callback(PASS)
            self.assertFalse(self.successResultOf(asked).ok)
            self.assertEqual((self.behind.all[0].paths, self.ends), ([], ["abandoned"]))

    def test_at_the_end(self) -> None:
        answer, session_filter = Deferred[Verdict](), FakeSessionFilter()
        self.make(FakeFilter(answer), session_filter)
        asked = Deferred.fromCoroutine(self._send(["ann@a.example"]))
        self.reception.disconnected()
        answer.callback(PASS)
        self.assertEqual(self.successResultOf(asked)[-1][:3], "421")
        self.assertEqual(session_filter.calls[-1], "leave")
        self.assertEqual(self.ends, ["abandoned"])


class WitnessTests(FilteredCase):
    """Witnesses."""

    def test_each_end_is_notified_once(self) -> None:
        for verdict, answer in (
            (PASS, str(OK)),
            (reject("Go away"), GO_AWAY),
            (discard("unwanted"), str(OK)),
            (quarantine("odd"), str(OK)),
        ):
            self.setUp()
            witness = FakeWitness()
            self.make(FakeFilter(verdict), witness)
            self.send("ann@a.example")
            [(mail, findings, statuses)] = witness.calls
            self.assertEqual(mail.identity, "m1")
            self.assertEqual(len(findings), verdict is not PASS)
            self.assertEqual(statuses, [answer])

    def test_a_transaction_without_a_message(self) -> None:
        witness = FakeWitness()
        self.make(FakeFilter(), witness)
        self.mail().abandon()
        self.assertEqual(witness.calls, [])

    def test_a_transaction_whose_recipients_were_all_refused(self) -> None:
        witness = FakeWitness()
        self.make(FakeFilter(reject("Go away"), Stage.RECIPIENT), witness)
        self.send("ann@a.example")
        [(mail, findings, statuses)] = witness.calls
        self.assertEqual((findings, statuses), (["first"], [GO_AWAY]))
        self.assertEqual(mail.content.size, 0)
