"""The control socket: requests in order, words for what fails, and the client that blocks."""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import tempfile
import threading
from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.error import CannotListenError
from twisted.internet.testing import StringTransport
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SkipTest, SynchronousTestCase, TestCase

from mailhost.application.privileges import as_user
from mailhost.net.control.server import (
    LARGEST_REQUEST,
    MOST_WAITING_REQUESTS,
    PART,
    CommandFailed,
    CommandRefused,
    Commands,
    ControlClient,
    ControlFactory,
    NoHostRunning,
    control_path,
    listen_control,
)
from tests.fakes import Pauses

reactor: Any = the_reactor


def refuse(**_: object) -> None:
    raise CommandRefused("there is no such message")


def break_down(**_: object) -> None:
    raise RuntimeError("a secret detail")


def leave(**_: object) -> None:
    raise KeyboardInterrupt("a secret detail")


async def answer_later(text: str) -> str:
    return text.upper()


COMMANDS: Commands = {
    "add": lambda a, b=0: a + b,
    "later": answer_later,
    "refuse": refuse,
    "break": break_down,
    "exit": leave,
    "odd": lambda: object(),
}


class WireTests(SynchronousTestCase):
    """One connection, on a string transport."""

    def setUp(self) -> None:
        self.commands = dict(COMMANDS)
        self.connect()

    def connect(self) -> None:
        self.protocol = ControlFactory(self.commands).buildProtocol(None)
        self.transport = StringTransport()
        self.protocol.makeConnection(self.transport)

    def send(self, *requests: object) -> list[Any]:
        lines = [r if isinstance(r, bytes) else json.dumps(r).encode() for r in requests]
        self.protocol.dataReceived(b"".join(line + b"\n" for line in lines))
        return self.answers()

    def answers(self) -> list[Any]:
        return [json.loads(line) for line in self.transport.value().splitlines()]

    def test_plain_and_awaited_results(self) -> None:
        answers = self.send(
            {"command": "add", "arguments": {"a": 1, "b": 2}},
            {"command": "later", "arguments": {"text": "ä"}},
        )
        self.assertEqual(answers, [{"ok": True, "result": 3}, {"ok": True, "result": "Ä"}])

    def test_a_long_list_becomes_json_in_parts(self) -> None:
        pauses = Pauses()
        for count in (0, PART, PART + 1, 3 * PART):
            numbers = list(range(count))
            commands: dict[str, Any] = {"all": partial(list, numbers)}
            self.protocol = ControlFactory(commands, pauses).buildProtocol(None)
            self.transport = StringTransport()
            self.protocol.makeConnection(self.transport)
            self.assertEqual([{"ok": True, "result": numbers}], self.send({"command": "all"}))
        self.assertEqual(2 + 3, pauses.count)

    def test_arguments_may_be_left_out(self) -> None:
        self.commands["none"] = lambda: None
        self.assertEqual(self.send({"command": "none"}), [{"ok": True, "result": None}])

    def test_words_for_what_cannot_be_done(self) -> None:
        for request, text in [
            ({"command": "refuse"}, "no such message"),
            ({"command": "nonsense"}, "no command 'nonsense'"),
            ({"command": 5}, '"command"'),
            ({"command": "add", "arguments": 5}, '"arguments"'),
            (["add"], "no object"),
            (b"{", "no JSON"),
            (b"\xff\x00", "no JSON"),
            (b"[" * 100_000, "no JSON"),
        ]:
            self.connect()
            (answer,) = self.send(request)
            self.assertFalse(answer["ok"])
            self.assertIn(text, answer["error"])

    def test_a_bug_is_logged_and_told_without_its_details(self) -> None:
        for request in (
            {"command": "break"},
            {"command": "exit"},
            {"command": "odd"},
            {"command": "add", "arguments": {"c": 1}},
        ):
            self.connect()
            (answer,) = self.send(request)
            self.assertFalse(answer["ok"])
            self.assertIn("internal fault", answer["error"])
            self.assertNotIn("secret", answer["error"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(len(self.flushLoggedErrors(KeyboardInterrupt)), 1)
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 2)

    def test_the_connection_goes_on_after_a_fault(self) -> None:
        self.send({"command": "break"})
        self.flushLoggedErrors(RuntimeError)
        self.assertEqual(self.send({"command": "add", "arguments": {"a": 1}})[-1]["result"], 1)

    def test_requests_are_answered_in_order(self) -> None:
        slow: Deferred[str] = Deferred()
        self.commands["slow"] = lambda: slow
        request = {"command": "add", "arguments": {"a": 1}}
        self.assertEqual(self.send({"command": "slow"}, request), [])
        slow.callback("first")
        self.assertEqual([answer["result"] for answer in self.answers()], ["first", 1])

    def test_a_line_too_long_ends_the_connection(self) -> None:
        self.protocol.dataReceived(b"x" * (LARGEST_REQUEST + 1))
        self.assertTrue(self.transport.disconnecting)

    def test_too_many_requests_at_once_end_the_connection(self) -> None:
        self.commands["slow"] = Deferred
        self.send(*[{"command": "slow"}] * (MOST_WAITING_REQUESTS + 2))
        self.assertIn("too many", self.answers()[0]["error"])
        self.assertTrue(self.transport.disconnecting)

    def test_an_asker_who_went_away_is_not_answered(self) -> None:
        slow: Deferred[str] = Deferred()
        self.commands["slow"] = lambda: slow
        self.send({"command": "slow"})
        self.protocol.connectionLost()
        slow.callback("late")
        self.assertEqual(self.answers(), [])

    @settings(deadline=None)
    @given(st.binary(max_size=60))
    def test_any_line_gets_one_answer(self, line: bytes) -> None:
        self.connect()
        self.assertEqual(len(self.send(line.replace(b"\n", b""))), 1)


class SocketTests(TestCase):
    """The real socket and the blocking client."""

    def setUp(self) -> None:
        # Socket paths are short; trial's own folders may not be.
        self.data = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.data)
        self.client = ControlClient(control_path(self.data), timeout=10)

    def listen(self) -> Any:
        port = listen_control(reactor, self.data, COMMANDS)
        self.addCleanup(port.stopListening)
        return port

    @inlineCallbacks
    def test_ask(self) -> Any:
        self.listen()
        result = yield deferToThread(self.client.call, "add", a=1, b=2)
        self.assertEqual(result, 3)
        failing = deferToThread(self.client.call, "refuse", ids=["a"])
        error = yield self.assertFailure(failing, CommandFailed)
        self.assertEqual(str(error), "there is no such message")

    def test_only_the_owner_may_ask(self) -> None:
        self.listen()
        mode = os.stat(control_path(self.data)).st_mode
        self.assertEqual(stat.S_IMODE(mode), 0o600)

    @inlineCallbacks
    def test_another_user_gets_no_answer(self) -> Any:
        path = self.open_to_all()
        self.listen()
        os.chmod(path, 0o666)
        with socket.socket(socket.AF_UNIX) as sock:
            with as_user("nobody"):
                sock.connect(path)
            said = yield deferToThread(sock.recv, 1000)
        self.assertEqual(said, b"")

    def test_another_user_is_not_asked(self) -> None:
        path = self.open_to_all()
        with socket.socket(socket.AF_UNIX) as listening, as_user("nobody"):
            listening.bind(path)
            listening.listen()
            os.seteuid(0)
            error = self.assertRaises(CommandFailed, self.client.call, "add")
        self.assertIn("not the host", str(error))

    def open_to_all(self) -> str:
        """Let everybody write in the folder, as it must never be; return the socket's path."""
        if os.geteuid() != 0:
            raise SkipTest("only root becomes another user")
        os.chmod(self.data, 0o777)
        return control_path(self.data)

    def test_no_host_running(self) -> None:
        error = self.assertRaises(NoHostRunning, self.client.call, "add")
        self.assertIn("no host is running", str(error))

    def test_a_socket_left_behind(self) -> None:
        left = socket.socket(socket.AF_UNIX)
        left.bind(control_path(self.data))
        left.close()
        self.assertRaises(NoHostRunning, self.client.call, "add")
        self.listen()

    def test_a_path_too_long_for_a_socket(self) -> None:
        data = os.path.join(self.data, "long" * 30)
        os.mkdir(data)
        self.assertRaises(CannotListenError, listen_control, reactor, data, COMMANDS)

    def test_a_host_that_talks_nonsense(self) -> None:
        for text, expected in [
            (b"nonsense\n", "cannot be understood"),
            (b'{"ok": true}\n', "cannot be understood"),
            (b"", "before it answered"),
        ]:
            error = self.answered_by(text)
            self.assertIn(expected, str(error))

    def answered_by(self, text: bytes) -> CommandFailed:
        path = control_path(self.data)
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path)
            listening.listen()
            thread = threading.Thread(target=_answer, args=(listening, text))
            thread.start()
            error = self.assertRaises(CommandFailed, self.client.call, "add")
            thread.join()
        os.unlink(path)
        assert isinstance(error, CommandFailed)
        return error


def _answer(listening: socket.socket, text: bytes) -> None:
    sock, _ = listening.accept()
    with sock:
        sock.recv(4096)
        sock.sendall(text)
