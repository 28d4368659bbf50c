"""The operator's commands on a running queue."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.events import Command, Commanded, Notice
from mailhost.message.envelope import ForwardPath
from mailhost.message.status import Status
from mailhost.message.tls_demand import TLSDemand
from mailhost.net.control.server import CommandRefused
from mailhost.queue import control
from mailhost.queue.control import READING_PATIENCE, QueueControl
from mailhost.queue.spool import ReadingResult
from tests.fakes import Pauses, address
from tests.queue.fakes import BUSY, GOOD, START, RunningQueue, envelope


class ControlCase(SynchronousTestCase):
    """A queue with m1 and m2 waiting."""

    def setUp(self) -> None:
        self.folder = os.path.join(self.mktemp(), "queue")
        self.pauses = Pauses()
        self.context = RunningQueue(self.folder)
        self.context.start()
        self.context.transport.answer = lambda recipient: BUSY
        self.context.accept(envelope("bob@x.example"), "m1")
        self.context.accept(envelope("eve@y.example", sender=None), "m2")
        self.control = QueueControl(self.context.runner, self.pauses, self.context.events)

    def say(self, command: str, **arguments: Any) -> Any:
        """Ask, as the control socket does, and read the JSON back."""
        asked = self.control.commands()[f"queue.{command}"](**arguments)
        result: list[Any] = []
        Deferred.fromCoroutine(asked).addCallback(result.append)  # type: ignore[arg-type]
        return json.loads(json.dumps(result[0]))

    def refused(self, command: str, **arguments: Any) -> str:
        """Ask for what is refused; return the words."""
        asked = self.control.commands()[f"queue.{command}"](**arguments)
        failure = self.failureResultOf(
            Deferred.fromCoroutine(asked),  # type: ignore[arg-type]
            CommandRefused,
        )
        return str(failure.value)

    def states(self) -> list[str]:
        """The states of all entries."""
        return [entry["state"] for entry in self.say("list")]

    def parked(self) -> None:
        """Have m3 parked."""

        def crash(recipient: ForwardPath) -> Status | None:
            raise ZeroDivisionError("a bug")

        self.context.transport.answer = crash
        self.context.accept(envelope("z@z.example"), "m3")
        self.context.transport.answer = lambda recipient: BUSY


class Looking(ControlCase):
    """list and show."""

    def test_list(self) -> None:
        self.context.clock.advance(60.0)
        self.assertEqual(
            self.say("list", all=True)[0],
            {
                "id": "m1",
                "sender": "ann@here.example",
                "size": 52,
                "arrived": START,
                "next_attempt": START + 300.0,
                "state": "waiting",
                "recipients": [
                    {
                        "address": "bob@x.example",
                        "state": "waiting",
                        "status": "mx.there.example [192.0.2.7]: 451 4.3.2 Busy, come back later",
                    }
                ],
            },
        )
        self.assertEqual([entry["id"] for entry in self.say("list")], ["m1", "m2"])
        self.assertEqual([entry["id"] for entry in self.say("list", ids=["m2"])], ["m2"])
        self.assertEqual(self.say("list")[1]["sender"], "")

    def test_next_attempt_follows_the_steady_clock(self) -> None:
        self.context.offset += 1e6
        self.assertEqual(self.say("list")[0]["next_attempt"], START + 1e6 + 300.0)

    def test_running(self) -> None:
        self.context.transport.answer = lambda recipient: None
        self.context.accept(envelope("z@z.example"), "m3")
        self.assertEqual(self.states(), ["waiting", "waiting", "running"])

    def test_show(self) -> None:
        (shown,) = self.say("show", ids=["m1"])
        self.assertEqual(shown["header"], "From: <a@here.example>\r\nSubject: hello\r\n")
        self.assertEqual((shown["attempts"], shown["last_attempt"]), (1, START))
        self.assertEqual((shown["parked"], shown["traceback"]), ("", ""))

    def test_show_what_the_sender_demands_of_tls(self) -> None:
        (shown,) = self.say("show", ids=["m1"])
        self.assertEqual(shown["TLS"], "")
        strict = replace(envelope("z@z.example"), tls=TLSDemand.REQUIRED)
        self.context.accept(strict, "m3")
        (shown,) = self.say("show", ids=["m3"])
        self.assertEqual(shown["TLS"], "required by the sender (REQUIRETLS)")

    def test_show_what_is_parked(self) -> None:
        self.parked()
        (shown,) = self.say("show", ids=["m3"])
        self.assertEqual(shown["state"], "parked")
        self.assertEqual(shown["parked"], "ZeroDivisionError: a bug")
        self.assertIn("in crash", shown["traceback"])
        self.assertIsNone(shown["next_attempt"])

    def test_show_without_its_file(self) -> None:
        os.unlink(os.path.join(self.folder, "m1.msg"))
        self.assertIn("cannot be read", self.say("show", ids=["m1"])[0]["header"])


class Deciding(ControlCase):
    """retry, hold, release, remove."""

    def test_retry(self) -> None:
        self.assertEqual(self.say("retry", ids=["m1"]), ["m1"])
        self.assertEqual(self.context.transport.tried.count("bob@x.example"), 2)
        self.assertEqual(self.say("retry", all=True), ["m1", "m2"])
        self.assertEqual(self.context.transport.tried.count("bob@x.example"), 3)

    def test_retry_forgets_which_hosts_were_not_reached(self) -> None:
        self.say("retry", ids=["m2"])
        (lanes,) = self.context.transport.forgotten
        self.assertEqual("y.example", lanes.line)

    def test_retry_of_one_that_waits_for_its_place(self) -> None:
        self.context.reconfigure(self.context.settings.model_copy(update={"concurrency": 0}))
        self.context.accept(envelope("z@z.example"), "m3")
        self.assertEqual([], self.context.transport.forgotten)
        self.say("retry", ids=["m3"])
        self.assertEqual(["z.example"], [each.line for each in self.context.transport.forgotten])

    def test_each_change_has_an_event(self) -> None:
        self.say("hold", ids=["m1"])
        self.say("release", ids=["m1"])
        self.say("retry", all=True)
        self.say("remove", ids=["m1"])
        self.say("remove", ids=["m2"], bounce=True)
        bob, eve = address("bob@x.example"), address("eve@y.example")
        self.assertEqual(
            [
                Commanded("m1", Command.HELD, (bob,)),
                Commanded("m1", Command.RELEASED, (bob,)),
                Commanded("m1", Command.RETRIED, (bob,)),
                Commanded("m2", Command.RETRIED, (eve,)),
                Commanded("m1", Command.REMOVED, (bob,)),
                Commanded("m2", Command.BOUNCED, (eve,)),
            ],
            self.context.events.of(Commanded),
        )

    def test_a_command_for_many_names_the_first(self) -> None:
        self.patch(control, "MOST_EVENTS", 1)
        self.say("hold", all=True)
        self.assertEqual(1, len(self.context.events.of(Commanded)))
        (notice,) = self.context.events.of(Notice)
        self.assertIn("is for 2 entries of the queue: those after the first 1", notice.line)

    def test_hold_and_release(self) -> None:
        self.assertEqual(self.say("hold", ids=["m1"]), ["m1"])
        self.assertEqual(self.states(), ["held", "waiting"])
        self.context.pass_time(86400.0, 300.0)
        self.assertEqual(self.context.transport.tried.count("bob@x.example"), 1)
        self.context.transport.answer = lambda recipient: GOOD
        self.assertEqual(self.say("release", all=True), ["m1"])
        self.assertEqual(self.context.transport.tried[-1], "bob@x.example")
        self.assertNotIn("m1.msg", self.context.files())

    def test_held_across_a_restart(self) -> None:
        self.say("hold", all=True)
        again = RunningQueue(self.folder)
        again.start()
        again.pass_time(3600.0)
        self.assertEqual(again.transport.calls, [])

    def test_time_on_hold_does_not_count(self) -> None:
        self.say("hold", ids=["m1"])
        self.context.pass_time(30 * 86400.0, 3600.0)
        self.say("release", ids=["m1"])
        self.assertEqual(self.context.handover.taken, [])
        self.assertIn("waiting", self.states())

    def test_hold_while_it_runs(self) -> None:
        self.context.transport.answer = lambda recipient: None
        self.context.accept(envelope("z@z.example"), "m3")
        self.say("hold", ids=["m3"])
        self.context.transport.held[0].callback(None)
        self.context.pass_time(3600.0)
        self.assertEqual(self.context.transport.tried.count("z@z.example"), 1)
        view = self.context.runner.view("m3")
        assert view is not None
        self.assertEqual((view.word, view.state.attempts), ("held", 1))

    def test_hold_and_release_while_it_waits_its_turn(self) -> None:
        self.context.reconfigure(self.context.settings.model_copy(update={"concurrency": 1}))
        self.context.transport.answer = lambda recipient: None
        self.context.accept(envelope("z@z.example"), "m3")
        self.context.accept(envelope("z@z.example"), "m4")
        self.say("hold", ids=["m4"])
        self.say("release", ids=["m4"])
        self.context.transport.held.pop().callback(None)
        self.assertEqual(self.context.transport.tried.count("z@z.example"), 2)

    def test_release_what_is_parked(self) -> None:
        self.parked()
        self.context.transport.answer = lambda recipient: GOOD
        self.assertEqual(self.say("release", ids=["m3"]), ["m3"])
        self.assertEqual(self.context.transport.tried.count("z@z.example"), 2)
        self.assertNotIn("m3.msg", self.context.files())

    def test_remove(self) -> None:
        self.assertEqual(self.say("remove", ids=["m1"]), ["m1"])
        self.assertEqual(self.context.files(), ["m2.msg", "m2.state"])
        self.context.pass_time(3600.0)
        self.assertEqual(self.context.transport.tried.count("bob@x.example"), 1)
        self.assertEqual(self.context.handover.taken, [])
        self.say("remove", all=True)
        self.assertEqual(self.context.files(), [])

    def test_remove_with_a_bounce(self) -> None:
        self.say("remove", all=True, bounce=True)
        (bounce,) = self.context.handover.taken
        self.assertIn(b"removed the message from its", bounce[1])
        self.assertEqual(self.context.files(), [])

    def test_remove_with_a_bounce_where_the_message_is_gone(self) -> None:
        os.remove(os.path.join(self.folder, "m1.msg"))
        text = self.refused("remove", ids=["m1"], bounce=True)
        self.assertIn("m1 could not be removed: no bounce can be sent", text)
        self.assertIn("No such file", text)
        self.assertEqual(self.say("remove", ids=["m1"]), ["m1"])
        self.assertEqual(self.context.files(), ["m2.msg", "m2.state"])

    def test_remove_while_it_runs(self) -> None:
        self.context.transport.answer = lambda recipient: None
        self.context.accept(envelope("z@z.example"), "m3")
        self.say("remove", ids=["m3"])
        self.context.transport.held[0].callback(None)
        self.context.pass_time(3600.0)
        self.assertEqual(self.context.transport.tried.count("z@z.example"), 1)
        self.assertNotIn("m3.msg", self.context.files())
        self.assertNotIn("m3.state", self.context.files())


class Mistakes(ControlCase):
    """Clear words, and nothing is done."""

    def test_unknown(self) -> None:
        for command in ("list", "show", "retry", "hold", "release", "remove"):
            text = self.refused(command, ids=["m1", "nope"])
            self.assertEqual(text, "there is no entry 'nope' in the queue")
        self.assertEqual(self.states(), ["waiting", "waiting"])

    def test_nothing_named(self) -> None:
        for command in ("show", "retry", "hold", "release", "remove"):
            self.assertIn("say which", self.refused(command))
            self.assertIn("say which", self.refused(command, ids="m1"))

    def test_what_does_not_fit(self) -> None:
        self.say("hold", ids=["m1"])
        self.assertIn("release it instead", self.refused("retry", ids=["m1"]))
        self.assertIn("is not held back", self.refused("release", ids=["m2"]))


class LargeQueueTests(ControlCase):
    """Other events are handled between two parts of the work."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(control, "PART", 1)

    def test_each_command_pauses(self) -> None:
        for command in ("list", "retry", "hold", "release"):
            before = self.pauses.count
            self.say(command, all=True)
            self.assertGreaterEqual(self.pauses.count - before, 2, command)

    def test_an_entry_that_goes_meanwhile_is_left_out(self) -> None:
        self.control = QueueControl(self.context.runner, self.remove_m2, self.context.events)
        self.assertEqual(["m1"], [entry["id"] for entry in self.say("list")])

    async def remove_m2(self) -> None:
        """A pause in which m2 is delivered."""
        await self.context.runner.remove("m2")


class Starting(ControlCase):
    """The folder is still being read, as after a start with a long queue."""

    def setUp(self) -> None:
        super().setUp()
        self.context = RunningQueue(self.folder)
        self.control = QueueControl(self.context.runner, self.pauses, self.context.events)
        self.reading: Deferred[None] = Deferred()
        scan = self.context.spool.scan

        async def scan_later(take: Callable[[Sequence[ReadingResult]], None]) -> None:
            await self.reading
            await scan(take)

        self.patch(self.context.spool, "scan", scan_later)
        self.context.start()

    def test_commands_wait_until_all_is_known(self) -> None:
        self.context.transport.answer = lambda recipient: BUSY
        retrying = Deferred.fromCoroutine(self.control.retry(all=True))
        showing = Deferred.fromCoroutine(self.control.show(ids=["m2"]))
        self.context.pass_time(5.0, 0.1)
        self.assertNoResult(retrying)
        self.reading.callback(None)
        self.context.pass_time(0.2, 0.1)
        self.assertEqual(["m1", "m2"], self.successResultOf(retrying))
        self.assertEqual("m2", self.successResultOf(showing)[0]["id"])

    def test_they_are_refused_if_that_takes_long(self) -> None:
        retrying = Deferred.fromCoroutine(self.control.retry(all=True))
        self.context.pass_time(READING_PATIENCE + 0.2, 0.1)
        self.assertIn("still being read", str(self.failureResultOf(retrying, CommandRefused).value))


class Broken(ControlCase):
    """A message file that cannot be read."""

    def setUp(self) -> None:
        super().setUp()
        self.path = os.path.join(self.folder, "m1.msg")
        with open(self.path, "rb") as file:
            self.whole = file.read()
        with open(self.path, "wb") as file:
            file.write(b"junk")
        self.context = RunningQueue(self.folder)
        self.context.start()
        self.control = QueueControl(self.context.runner, self.pauses, self.context.events)

    def test_listed_and_shown(self) -> None:
        self.assertEqual(self.states(), ["parked", "waiting"])
        self.assertIn("not whole", self.say("show", ids=["m1"])[0]["parked"])

    def test_not_for_everything(self) -> None:
        self.assertIn("cannot be read", self.refused("hold", ids=["m1"]))
        self.assertIn("no bounce can be sent", self.refused("remove", ids=["m1"], bounce=True))
        self.say("remove", all=True)
        self.assertEqual(self.context.files(), ["m1.msg", "m1.state"])

    def test_removed_by_its_name(self) -> None:
        self.say("remove", ids=["m1"])
        self.assertEqual(self.context.files(), ["m2.msg", "m2.state"])
        self.assertEqual(len(self.states()), 1)

    def test_mended_and_released(self) -> None:
        self.say("release", ids=["m1"])
        self.assertEqual(self.states(), ["parked", "waiting"])
        with open(self.path, "wb") as file:
            file.write(self.whole)
        self.say("release", ids=["m1"])
        self.context.pass_time(360.0)
        self.assertIn("bob@x.example", self.context.transport.tried)
