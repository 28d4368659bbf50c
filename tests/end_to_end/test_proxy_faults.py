"""Faults behind the proxy: the client keeps its mail and hears why, and as soon as the
server is back its mail flows."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import time
from collections.abc import Mapping
from typing import ClassVar

from twisted.trial.unittest import TestCase

from tests.end_to_end.fake_upstream import CLOSE, CONTENT, END, GREETING, FakeUpstream
from tests.end_to_end.postfix import ADDRESS
from tests.end_to_end.proxied import ANN, SENDER, Client, Proxied, Stage, message, stuffed
from tests.end_to_end.running import RunningHost, free_port, remove_folder, until
from tests.end_to_end.shared import new_folder

MAIL, RCPT = f"MAIL FROM:<{SENDER}>\r\n", f"RCPT TO:<{ANN}>\r\n"
LARGE = ["0123456789" * 90] * 10_000  # more than the buffers of all sockets between
HASTY = """
from mailhost.proxy import connect
from mailhost.smtp.client.timeouts import Timeouts
connect.TIMEOUTS = Timeouts(**dict.fromkeys(Timeouts.__slots__, 1.0))
from twisted.scripts.twistd import run
run()
"""


class HastyHost(RunningHost):
    """A proxy that waits a second for each answer of the server behind it."""

    @property
    def _command(self) -> list[str]:
        _, *arguments = super()._command
        return [sys.executable, "-c", HASTY, *arguments]


class Faulty(TestCase):
    """A proxy for all tests of a class; each listener has a fake server, or none, behind it.

    Listeners and servers differ by their loopback addresses: `number` is in all three.
    """

    hosts: ClassVar[list[RunningHost]] = []
    spare: ClassVar[list[int]] = []
    host_class: ClassVar[type[RunningHost]] = RunningHost
    listeners: ClassVar[int] = 40
    timeout = 120

    def setUp(self) -> None:
        if not self.hosts:
            self._start()
        self.host = self.hosts[0]
        self.port = self.host.ports["smtp"]
        self.move_on()

    def _start(self) -> None:
        self.spare.extend(range(self.listeners, 0, -1))
        port, folder = free_port(ADDRESS), new_folder()
        listen = "".join(
            f'\n[[listen]]\nprotocol = "proxy"\n'
            f'endpoint = "tcp:{port}:interface=127.0.1.{number}"\n'
            f'upstream = ["tcp:127.0.2.{number}:{port}", "tcp:127.0.3.{number}:{port}"]\n'
            for number in self.spare
        )
        settings = f"\nworkers = 1\n{listen}"
        host = self.host_class(folder, settings, protocols=("smtp",), ports={"smtp": port})
        self.hosts.append(host)
        atexit.register(remove_folder, folder)
        atexit.register(host.stop)
        host.start()

    def move_on(self) -> None:
        """To another listener: it knows nothing of what happened before."""
        self.number = self.spare.pop()

    def behind(
        self,
        replies: Mapping[str, bytes | None] | None = None,
        second: bool = False,
        deaf: bool = False,
    ) -> FakeUpstream:
        """A server behind the listener, the first of two or the second."""
        where = f"127.0.{3 if second else 2}.{self.number}"
        upstream = FakeUpstream(where, self.port, replies, deaf=deaf)
        self.addCleanup(upstream.stop)
        return upstream

    def client(self, hello: str = "EHLO") -> Client:
        """One that is connected to the proxy."""
        client = Client(self.port, hello, address=f"127.0.1.{self.number}")
        self.addCleanup(client.close)
        return client

    def starts(self, reply: bytes, *starts: str) -> None:
        """The reply is one of these."""
        self.assertTrue(reply.startswith(tuple(each.encode() for each in starts)), reply)

    def send_all(self, content: bytes) -> list[bytes]:
        """A whole message whatever is answered; return the last line of each reply."""
        client = self.client(hello="")
        replies = [client.reply()]
        for part in (b"EHLO client.example\r\n", MAIL.encode(), RCPT.encode(), b"DATA\r\n"):
            replies.append(client.say(part))
            if not replies[-1].startswith((b"2", b"3")):
                return replies
        return [*replies, client.say(stuffed(content))]

    def flows(self, upstream: FakeUpstream, tries: int = 1) -> None:
        """A message goes through, at one of the first tries."""
        content = message(f"after {self.id()}")
        for left in reversed(range(tries)):
            last = self.send_all(content)[-1]
            if last.startswith(b"250") or not left:
                break
            time.sleep(0.1)
        self.starts(last, "250 2.0.0 taken")
        self.assertTrue(upstream.taken[-1].endswith(content))


class Leaving(Faulty):
    """The server goes away."""

    def test_at_each_point(self) -> None:
        """The transaction has begun: nobody needs to be left alone, the next one is served."""
        for point, word in (
            ("MAIL", "421 4.4.2 "),
            ("RCPT", "421 4.4.2 "),
            ("DATA", "451 4.4.2 "),
            (CONTENT, "451 4.4.2 "),
            (END, "451 4.4.2 "),
        ):
            with self.subTest(point):
                self.move_on()
                upstream, since = self.behind({point: CLOSE}), self.host.mark()
                last = self.send_all(message("lost", *LARGE))[-1]
                self.starts(last, f"{word}The mail server behind this one went away")
                self.host.wait_for("connection lost: ", since)
                upstream.stop()
                self.flows(self.behind())
                self.assertEqual([], upstream.taken)

    def test_before_it_said_hello(self) -> None:
        for point in (GREETING, "EHLO"):
            self.move_on()
            upstream = self.behind({point: CLOSE})
            self.starts(self.send_all(message("lost"))[-1], "421 4.4.1 The mail server behind")
            upstream.stop()
            self.flows(self.behind(), tries=100)

    def test_while_the_client_sends_its_message(self) -> None:
        upstream = self.behind()
        client = self.client()
        client.recipients(f"<{ANN}>")
        self.starts(client.say("DATA\r\n"), "354")
        client.send(b"Subject: half\r\n\r\nhalf\r\n")
        upstream.stop()
        self.starts(client.say(b"a message\r\n.\r\n"), "421 4.4.2 ", "451 4.4.2 ")
        self.flows(self.behind())

    def test_it_says_so(self) -> None:
        for point in ("MAIL", "RCPT", "DATA", END):
            self.move_on()
            upstream = self.behind({point: b"421 4.3.2 there.example is going down"})
            last = self.send_all(message("not now"))[-1]
            self.starts(last, "421 4.3.2 there.example is going down")
            upstream.stop()
            self.flows(self.behind())

    def test_the_client_is_told_whether_the_message_may_have_been_taken(self) -> None:
        self.behind({END: CLOSE})
        self.assertIn(b"did not say whether it took", self.send_all(message("perhaps"))[-1])
        self.move_on()
        self.behind({CONTENT: CLOSE})
        self.assertIn(b"before it took", self.send_all(message("surely not", *LARGE))[-1])

    def test_nobody_is_there(self) -> None:
        since = self.host.mark()
        self.starts(self.send_all(message("nobody"))[-1], "421 4.4.1 The mail server behind")
        self.host.wait_for("refused", since)
        self.flows(self.behind(), tries=100)

    def test_between_two_messages_of_a_session(self) -> None:
        upstream, client = self.behind(), self.client()
        self.starts(client.transfer(message("first")), "250 2.0.0 taken")
        upstream.stop()
        later = self.behind()
        self.starts(client.transfer(message("second")), "250 2.0.0 taken")
        self.assertTrue(later.taken[0].endswith(message("second")))

    def test_another_server_takes_over(self) -> None:
        first, second = self.behind(), self.behind(second=True)
        client = self.client()
        self.starts(client.transfer(message("first")), "250 2.0.0 taken")
        first.stop()
        self.starts(client.transfer(message("second")), "250 2.0.0 taken")
        self.flows(second)
        self.assertEqual([1, 2], [len(each.taken) for each in (first, second)])


class Reloaded(Faulty):
    """The server behind a listener that goes on listening is another one."""

    def test_the_same_socket_has_another_server_behind_it(self) -> None:
        first, second = self.behind(), self.behind(second=True)
        self.flows(first)
        before = self.host.config.read_text()
        self.addCleanup(self.reload, before)
        there = f"127.0.2.{self.number}:{self.port}"
        line = f'upstream = ["tcp:{there}", "tcp:127.0.3.{self.number}:{self.port}"]'
        self.assertIn(line, before)
        after = before.replace(line, f'upstream = "tcp:127.0.3.{self.number}:{self.port}"')
        self.assertIn(".upstream", self.reload(after))
        self.flows(second)
        self.assertEqual([1, 1], [len(first.taken), len(second.taken)])

    def reload(self, settings: str) -> str:
        """Have the proxy read these settings, and return its log line."""
        self.host.config.write_text(settings)
        return self.host.reload()


class Talking(Faulty):
    """Replies that a server should not give, and commands that it must not get."""

    def test_nonsense(self) -> None:
        for point in (GREETING, "EHLO", "MAIL", "RCPT", "DATA", END):
            self.move_on()
            self.behind({point: b"banana"})
            self.starts(self.send_all(message("banana"))[-1], "421 4.4.", "451 4.4.")

    def test_a_message_taken_before_its_end(self) -> None:
        upstream = self.behind({CONTENT: b"250 2.0.0 enough"})
        last = self.send_all(message("too early", *LARGE))[-1]
        self.starts(last, "421 4.4.2 ", "451 4.4.2 ")
        self.assertEqual([], upstream.taken)

    def test_a_reply_too_many_is_not_the_next_messages(self) -> None:
        self.behind({"RCPT": b"250 2.1.5 fine\r\n250 2.0.0 taken already"})
        for last in (self.send_all(message(f"answered {number}"))[-1] for number in range(2)):
            self.starts(last, "421 4.4.", "451 4.4.")

    def test_it_hears_of_no_content_that_smuggles(self) -> None:
        upstream = self.behind()
        inner = f"{MAIL}{RCPT}DATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n".encode()
        for end in (b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\n.\n", b"\r.\r\n", b"\r\n.\r", b"\n..\n"):
            for cut in range(len(end) + 1):
                client = self.client()
                client.recipients(f"<{ANN}>")
                client.say("DATA\r\n")
                client.send(b"Subject: outer\r\n\r\nx" + end[:cut])
                client.send(end[cut:] + inner)
                self.starts(client.reply(), "554 5.6.0")
                self.starts(client.say("QUIT\r\n"), "221")
                client.close()
        self.assertEqual({b"MAIL", b"RCPT"}, {line[:4] for line in upstream.said} - _SMALL)
        self.flows(upstream)

    def test_it_hears_of_no_message_that_is_not_whole(self) -> None:
        upstream, client = self.behind(), self.client()
        client.recipients(f"<{ANN}>")
        client.say("DATA\r\n")
        client.send(stuffed(message("not whole", *LARGE))[:-3])
        client.close()
        self.host.wait_for("connection lost before the message was whole")
        self.flows(upstream)
        self.assertEqual(1, [line[:4] for line in upstream.said].count(b"DATA"))


_SMALL = {b"EHLO", b"RSET", b"QUIT", b"NOOP"}


class Silent(Faulty):
    """A server that says nothing is not waited for for ever."""

    hosts: ClassVar[list[RunningHost]] = []
    spare: ClassVar[list[int]] = []
    host_class = HastyHost

    def test_at_each_point(self) -> None:
        """All at once, as each takes its second."""
        content = stuffed(message("waits", *LARGE))
        talk = f"EHLO client.example\r\n{MAIL}{RCPT}DATA\r\n".encode()
        waiting = []
        for point, deaf in (
            (GREETING, False),
            ("EHLO", False),
            ("MAIL", False),
            ("RCPT", False),
            ("DATA", False),
            (END, False),
            ("content", True),
        ):
            self.move_on()
            self.behind({} if deaf else {point: None}, deaf=deaf)
            client = self.client(hello="")
            client.reply()
            client.send(talk)
            waiting.append((point, client))
        for point, client in waiting:
            codes: list[bytes] = []
            while not codes or codes[-1] in (b"250", b"354"):
                reply = client.reply()
                codes.append(reply[:3])
                if codes[-1] == b"354":
                    client.send(content)
            with self.subTest(point):
                self.starts(reply, "421 4.4.", "451 4.4.2 ")
                self.assertIn(b"The mail server behind this one", reply)
                self.assertNotIn(b"250", codes[4:])

    def test_another_server_is_asked_meanwhile(self) -> None:
        self.behind({GREETING: None})
        second = self.behind(second=True)
        self.flows(second)


class PostfixLeaves(Proxied):
    """A real Postfix that is killed and comes back."""

    stages: ClassVar[list[Stage]] = []

    def make_stage(self) -> Stage:
        return Stage({"usual": {}}, {}, "\nworkers = 1\n")

    def half_way(self, subject: str) -> Client:
        """A client in the middle of its message; one went before, so that Postfix has faith in
        its smtpd."""
        self.marker()
        client = self.client()
        self.assertEqual(b"250", client.recipients(f"<{ANN}>")[0][:3])
        self.starts(client.say("DATA\r\n"), "354")
        client.send(stuffed(message(subject, *LARGE))[:-3])
        return client

    def not_taken(self, reply: bytes, subject: str) -> None:
        """The client keeps its message, and Postfix has none."""
        self.starts(reply, "421 4.4.2 The mail server ", "451 4.4.2 The mail server ")
        self.marker()  # at once
        self.assertEqual([], self.found(subject))

    def smtpds(self) -> list[int]:
        """Those that wait for the proxy, or are with it."""
        return self.postfix.processes("smtpd")

    def test_its_smtpd_is_killed_while_the_client_sends(self) -> None:
        client = self.half_way("smtpd killed")
        for pid in self.smtpds():
            os.kill(pid, signal.SIGKILL)
        self.not_taken(client.say(b".\r\n"), "smtpd killed")

    def test_its_smtpd_is_killed_while_it_has_half_of_the_message(self) -> None:
        client = self.half_way("smtpd killed in DATA")
        stopped = self.smtpds()
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        since = self.proxy.mark()
        client.send(b".\r\n")
        self.proxy.wait_for("received from", since)
        for pid in stopped:
            os.kill(pid, signal.SIGKILL)
        self.not_taken(client.reply(), "smtpd killed in DATA")

    def test_its_master_is_killed(self) -> None:
        client = self.half_way("master killed")
        self.postfix.kill()
        self.postfix.start()
        self.not_taken(client.say(b".\r\n"), "master killed")

    def test_it_is_away_for_a_while(self) -> None:
        self.marker()
        self.postfix.stop()
        client = self.client(hello="")
        client.reply()
        self.starts(client.say("EHLO client.example\r\n"), "421 4.4.1 The mail server behind")
        self.postfix.start()
        until(self.answers, "mail never flowed again")
        self.marker()

    def answers(self) -> bool:
        """True where a client is served."""
        client = self.client(hello="")
        client.reply()
        return client.say("EHLO client.example\r\n").startswith(b"250")

    def test_it_is_restarted_between_two_messages_of_a_session(self) -> None:
        client = self.client()
        self.starts(client.transfer(message("before it")), "250 2.0.0 Ok: queued as ")
        self.arrived(message("before it"))
        self.postfix.stop()
        self.postfix.start()
        self.starts(client.transfer(message("after it")), "250 2.0.0 Ok: queued as ")
        self.arrived(message("after it"))


class PostfixStops(Proxied):
    """A real Postfix that is stopped: it takes connections, and says nothing."""

    stages: ClassVar[list[Stage]] = []

    def make_stage(self) -> Stage:
        return Stage({"usual": {}}, {}, "\nworkers = 1\n", HastyHost)

    def test_the_client_is_told_and_served_as_soon_as_it_goes_on(self) -> None:
        until(self.served, "Postfix never answered")
        busy = self.client()
        self.assertEqual(b"250", busy.recipients(f"<{ANN}>")[0][:3])
        self.postfix.signal(signal.SIGSTOP)
        self.addCleanup(self.postfix.signal, signal.SIGCONT)
        self.starts(busy.say(RCPT), "421 4.4.2 The mail server behind this one went away")
        client = self.client(hello="")
        client.reply()
        self.starts(client.say("EHLO client.example\r\n"), "421 4.4.1 The mail server behind")
        self.postfix.signal(signal.SIGCONT)
        until(self.served, "mail never flowed again")

    def served(self) -> bool:
        """True where a message goes through."""
        client = self.client(hello="")
        client.reply()
        for part in ("EHLO client.example\r\n", MAIL, RCPT, "DATA\r\n", "Subject: x\r\n\r\n.\r\n"):
            if not client.say(part).startswith((b"250", b"354")):
                return False
        return True
