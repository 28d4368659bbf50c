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
from tests.reception.filters.chain_fakes import Saying, Visited, Watching
from tests.reception.filters.filtered import CONTENT, FilteredCase
from tests.reception.filters.mails import CLIENT

NO = Status(550, "5.1.1", "Nobody of that name here")


GO_AWAY = "550 5.7.1 Go away [first]"


def with_eve(mail: Mail) -> Verdict:
    """One recipient more."""
    return edit(mail.sent_to(*mail.envelope.recipients, path("eve@a.example")), "a copy for eve")


class RecipientTests(FilteredCase):
    """One recipient at a time."""

    def only(self, name: str, verdict: Verdict) -> Saying:
        """Says it of one recipient."""

        def says(mail: Mail) -> Verdict:
            assert mail.recipient is not None
            return verdict if str(mail.recipient.address) == name else PASS

        return Saying(says, Stage.RECIPIENT)

    def test_one_is_refused_by_us_one_behind(self) -> None:
        self.make(self.only("bob@a.example", reject("Go away")))
        self.home.answers["eve@a.example"] = NO
        replies = self.send("ann@a.example", "bob@a.example", "eve@a.example")
        self.assertEqual(replies, [str(OK), GO_AWAY, str(NO), str(OK)])
        self.assertEqual(self.home.all[0].paths, ["ann@a.example"])

    def test_all_are_refused(self) -> None:
        self.make(self.only("bob@a.example", reject("Go away")))
        self.assertEqual(self.send("bob@a.example"), [GO_AWAY])
        self.assertEqual(self.ends, ["abandoned"])

    def test_one_is_dropped(self) -> None:
        self.make(self.only("bob@a.example", discard("unwanted")))
        replies = self.send("bob@a.example", "ann@a.example")
        self.assertEqual(replies, ["250 2.1.5 Recipient OK", str(OK), str(OK)])
        self.assertEqual(self.home.all[0].paths, ["ann@a.example"])

    def test_lmtp_has_an_answer_for_the_dropped_too(self) -> None:
        self.home.lmtp = True
        self.make(self.only("bob@a.example", discard("unwanted")))
        replies = self.send("ann@a.example", "bob@a.example", "eve@a.example")
        self.assertEqual(replies[3:], [str(OK)] * 3)

    def test_all_are_dropped(self) -> None:
        self.make(self.only("bob@a.example", discard("unwanted")))
        self.assertEqual(self.send("bob@a.example")[-1], str(OK))
        self.assertEqual(self.ends, ["abandoned"])

    def test_another_recipient(self) -> None:
        def changed(mail: Mail) -> Verdict:
            return edit(replace(mail, recipient=path("new@a.example")), "moved")

        last = Saying()
        self.make(Saying(changed, Stage.RECIPIENT), last)
        self.send("old@a.example")
        self.assertEqual(self.home.all[0].paths, ["new@a.example"])
        recipients = last.asked[0].envelope.recipients
        self.assertEqual([str(each.address) for each in recipients], ["new@a.example"])

    def test_those_that_come_in_a_row_are_told_where_nobody_asks_about_them(self) -> None:
        paths = [path("ann@a.example"), path("bob@a.example")]
        for stage, told in ((Stage.MESSAGE, 1), (Stage.RECIPIENT, 0)):
            self.setUp()
            self.make(Saying(PASS, stage))
            self.mail().coming(paths)
            self.assertEqual(len(self.home.coming), told)


class MessageTests(FilteredCase):
    """The whole message."""

    def test_it_passes(self) -> None:
        self.make(Saying())
        self.assertEqual(self.send("ann@a.example"), [str(OK), str(OK)])
        self.assertEqual(self.home.all[0].content, CONTENT.read())
        self.assertEqual(self.ends, ["ended"])

    def test_it_is_refused(self) -> None:
        self.make(Saying(reject("Go away")))
        self.assertEqual(self.send("ann@a.example")[-1], GO_AWAY)
        self.assertEqual(self.ends, ["abandoned"])

    def test_it_is_dropped(self) -> None:
        self.make(Saying(discard("unwanted")))
        self.assertEqual(self.send("ann@a.example")[-1], str(OK))
        self.assertEqual(self.ends, ["abandoned"])

    def test_it_is_held(self) -> None:
        self.make(Saying(quarantine("looks odd")))
        self.assertEqual(self.send("ann@a.example", "bob@a.example")[-1], str(OK))
        self.assertEqual(self.queue.held, ["looks odd"])
        self.assertEqual(self.queue.waiting, [["ann@a.example", "bob@a.example"]])
        self.assertEqual(self.ends, ["abandoned"])

    def test_a_held_message_is_the_one_that_would_have_been_handed_on(self) -> None:
        self.home.added, self.home.received = b"Date: now\r\n", b"Received: here\r\n"
        for says in (PASS, quarantine("looks odd")):
            self.make(Saying(says))
            self.send("ann@a.example")
        self.assertEqual(self.queue.kept[0][1], self.home.all[0].content)
        self.assertTrue(self.home.all[0].content.startswith(b"Received: here\r\nDate: now\r\nS"))

    def test_a_held_message_has_passed_the_rules(self) -> None:
        self.home.answers["rules"] = Status(554, "5.7.1", "Not your name")
        visited, watching, asked = Visited(), Watching(), Saying(quarantine("looks odd"))
        self.make(visited, watching, asked)
        self.assertEqual(self.send("ann@a.example")[-1], "554 5.7.1 Not your name")
        self.assertEqual((self.queue.kept, asked.asked, self.ends), ([], [], ["abandoned"]))
        self.assertEqual(visited.heard[-1], "abandon")
        self.assertEqual(watching.heard[0][2], ["554 5.7.1 Not your name"])

    def test_a_changed_envelope_is_checked_before_the_message_is_held(self) -> None:
        def held(mail: Mail) -> Verdict:
            more = (*mail.envelope.recipients, path("eve@a.example"), path("kit@a.example"))
            return Verdict(Decision.QUARANTINE, "odd", mail=mail.sent_to(*more))

        self.make(Saying(held))
        self.home.answers["eve@a.example"] = NO
        self.send("ann@a.example")
        self.assertEqual(self.queue.waiting, [["ann@a.example", "kit@a.example"]])
        self.assertEqual(self.ends, ["abandoned", "abandoned"])
        self.home.answers["ann@a.example"] = NO
        del self.queue.kept[:]
        self.make(Saying(lambda mail: held(mail.sent_to(path("ann@a.example")))))
        self.assertEqual(self.send("bob@a.example")[-1], str(NO))
        self.assertEqual(self.queue.kept, [])

    def test_filters_see_what_leaves(self) -> None:
        self.home.added, self.home.received = b"Date: now\r\n", b"Received: here\r\n"
        self.make(saying := Saying())
        self.send("ann@a.example")
        self.assertEqual(saying.asked[0].content.read(), b"Date: now\r\n" + CONTENT.read())
        self.assertEqual(saying.asked[0].received, b"Received: here\r\n")

    def test_it_cannot_be_held(self) -> None:
        self.queue.answers = [Status(452, "4.3.1", "Full")]
        self.make(Saying(quarantine("looks odd")))
        self.assertEqual(self.send("ann@a.example")[-1], "452 4.3.1 Full")

    def test_who_keeps_something_hears_when_a_message_does_not_come_to_it(self) -> None:
        """Else what it heard of this one would be taken for the beginning of the next."""
        for verdict in (reject("Go away"), discard("unwanted")):
            self.setUp()
            visited = Visited()
            self.make(Saying(verdict), visited)
            self.send("ann@a.example")
            self.assertEqual(visited.heard, ["visit", "SENDER", "RECIPIENT", "abandon"])
        self.setUp()
        self.make(Saying(discard("unwanted"), Stage.RECIPIENT), visited := Visited())
        self.send("ann@a.example")
        self.assertEqual(visited.heard[-1], "abandon")

    def test_other_content(self) -> None:
        new = Content((b"Subject: new\r\n\r\n",))
        self.make(Saying(lambda mail: edit(mail.containing(new), "new")))
        self.send("ann@a.example")
        self.assertEqual(self.home.all[0].content, new.read())
        self.assertEqual(self.ends, ["ended"])

    def test_another_envelope_is_said_anew(self) -> None:
        def changed(mail: Mail) -> Verdict:
            return edit(mail.sent_to(path("eve@a.example"), path("kit@a.example")), "others")

        self.make(Saying(changed))
        self.assertEqual(self.send("ann@a.example")[-1], str(OK))
        self.assertEqual(self.ends, ["abandoned", "ended"])
        self.assertEqual(self.home.all[1].paths, ["eve@a.example", "kit@a.example"])
        self.assertEqual(self.home.all[1].content, CONTENT.read())

    def test_whom_the_client_was_promised_is_not_left_out(self) -> None:
        """The server accepted them before; a recipient that it refuses now would hear nothing."""
        for later in (NO, Status(451, "4.7.1", "Slow down")):
            self.setUp()
            self.make(Saying(with_eve))
            transaction = self.mail()
            for name in ("ann@a.example", "bob@a.example"):
                now(transaction.recipient(path(name)))
            now(transaction.begin())
            self.home.answers["bob@a.example"] = later
            self.assertEqual(now(transaction.end(CONTENT)), [later])
            self.assertEqual(self.ends, ["abandoned", "abandoned"])

    def test_one_that_comes_in_the_place_of_another_is_not_left_out(self) -> None:
        others = path("bob@a.example"), path("eve@a.example")
        self.make(Saying(lambda mail: edit(mail.sent_to(*others), "others")))
        self.home.answers["eve@a.example"] = NO
        self.assertEqual(self.send("ann@a.example", "bob@a.example")[-1], str(NO))
        self.assertEqual(self.ends, ["abandoned", "abandoned"])

    def test_one_more_that_is_not_taken_now_has_the_client_come_again(self) -> None:
        for status, answer in ((Status(452, "4.2.2", "Full"), "452 4.2.2 Full"), (NO, str(OK))):
            self.setUp()
            self.make(Saying(with_eve))
            self.home.answers["eve@a.example"] = status
            self.assertEqual(self.send("ann@a.example")[-1], answer)
        self.assertEqual(self.ends, ["abandoned", "ended"])
        self.assertIn("eve@a.example", "".join(self.world.events.lines))

    def test_nobody_of_another_envelope_is_taken(self) -> None:
        self.make(Saying(lambda mail: edit(mail.sent_to(path("eve@a.example")), "other")))
        self.home.answers["eve@a.example"] = NO
        self.assertEqual(self.send("ann@a.example")[-1], str(NO))
        self.assertEqual(self.ends, ["abandoned", "abandoned"])

    def test_an_envelope_without_recipients(self) -> None:
        self.make(Saying(lambda mail: edit(mail.sent_to(), "nobody")))
        self.assertEqual(self.send("ann@a.example")[-1], str(NO_RECIPIENT_LEFT))
        self.assertEqual(self.ends, ["abandoned", "abandoned"])

    def test_another_sender_that_is_refused(self) -> None:
        self.make(Saying(lambda mail: edit(mail.sent_by(None), "nobody")))
        transaction = self.mail()
        now(transaction.recipient(path("ann@a.example")))
        now(transaction.begin())
        self.home.answers["mail"] = NO
        self.assertEqual(now(transaction.end(CONTENT)), [NO])
        self.assertEqual(self.ends, ["abandoned"])

    def test_lmtp_with_another_envelope_has_one_answer(self) -> None:
        """The client counts the recipients that it named, and the worst is for all of them."""
        self.home.lmtp = True
        others = path("eve@a.example"), path("kit@a.example")
        self.make(Saying(lambda mail: edit(mail.sent_to(*others), "others")))
        self.assertEqual(self.send("ann@a.example")[1:], [str(OK)])
        self.home.answers["end of kit@a.example"] = Status(452, "4.2.2", "Full")
        self.assertEqual(self.send("ann@a.example")[1:], ["452 4.2.2 Full"])


class GoneTests(FilteredCase):
    """The client goes while a filter thinks: whoever stands behind is asked nothing any more."""

    def wait_for(self, stage: Stage) -> Deferred[Verdict]:
        """A filter that thinks until the test has it end."""
        answer: Deferred[Verdict] = Deferred()
        self.make(Saying(answer, stage))
        return answer

    def test_at_hello(self) -> None:
        answer = self.wait_for(Stage.HELLO)
        hello: Any = self.reception.hello(CLIENT)
        asked: Deferred[Any] = Deferred.fromCoroutine(hello)
        self.home.hello = self.fail  # type: ignore[assignment]
        self.reception.disconnected()
        answer.callback(PASS)
        self.assertIsInstance(self.successResultOf(asked), Status)

    def test_at_the_sender(self) -> None:
        answer = self.wait_for(Stage.SENDER)
        asked = Deferred.fromCoroutine(self.reception.transaction(CLIENT, envelope()))
        self.reception.disconnected()
        answer.callback(PASS)
        self.assertIsInstance(self.successResultOf(asked), Status)
        self.assertEqual(self.home.all, [])

    def test_at_a_recipient(self) -> None:
        for gone in (True, False):  # or only given up: it was silent for too long
            self.setUp()
            answer = self.wait_for(Stage.RECIPIENT)
            transaction = self.mail()
            asked = Deferred.fromCoroutine(transaction.recipient(path("ann@a.example")))
            transaction.abandon()
            if gone:
                self.reception.disconnected()
            answer.callback(PASS)
            self.assertFalse(self.successResultOf(asked).ok)
            self.assertEqual((self.home.all[0].paths, self.ends), ([], ["abandoned"]))

    def test_at_the_end(self) -> None:
        answer, visited = Deferred[Verdict](), Visited()
        self.make(Saying(answer), visited)
        asked = Deferred.fromCoroutine(self._send(["ann@a.example"]))
        self.reception.disconnected()
        answer.callback(PASS)
        self.assertEqual(self.successResultOf(asked)[-1][:3], "421")
        self.assertEqual(visited.heard[-1], "leave")
        self.assertEqual(self.ends, ["abandoned"])


class WitnessTests(FilteredCase):
    """Who watches."""

    def test_it_hears_of_each_end_once(self) -> None:
        for verdict, answer in (
            (PASS, str(OK)),
            (reject("Go away"), GO_AWAY),
            (discard("unwanted"), str(OK)),
            (quarantine("odd"), str(OK)),
        ):
            self.setUp()
            watching = Watching()
            self.make(Saying(verdict), watching)
            self.send("ann@a.example")
            [(mail, findings, statuses)] = watching.heard
            self.assertEqual(mail.identity, "m1")
            self.assertEqual(len(findings), verdict is not PASS)
            self.assertEqual(statuses, [answer])

    def test_a_message_that_never_came(self) -> None:
        watching = Watching()
        self.make(Saying(), watching)
        self.mail().abandon()
        self.assertEqual(watching.heard, [])

    def test_one_that_filters_did_not_let_come(self) -> None:
        watching = Watching()
        self.make(Saying(reject("Go away"), Stage.RECIPIENT), watching)
        self.send("ann@a.example")
        [(mail, findings, statuses)] = watching.heard
        self.assertEqual((findings, statuses), (["first"], [GO_AWAY]))
        self.assertEqual(mail.content.size, 0)
