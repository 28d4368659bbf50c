"""dns-01 with servers that show a record late, and programs that fail."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, TimeoutError, succeed
from twisted.internet.process import ProcessReader
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailhost.certificates.dns_challenge import (
    CommandChanger,
    DNSProver,
    UpdateChanger,
    Zone,
    value_of,
)
from mailhost.certificates.program import KILLED, Ended, programs_of
from mailhost.interfaces.dns import AuthorityReply, Found, Reply
from tests.fakes import now
from tests.lookups import RecordsLookUp

REACTOR: Any = reactor
NAME = "_acme-challenge.a.org"
VALUE = value_of("token.print")


class Servers:
    """The authoritative servers; each shows the record from some question on, None for never."""

    def __init__(self, shown_at: Mapping[str, int | None], trouble: str = "") -> None:
        self._shown_at = shown_at
        self._trouble = trouble
        self.asked: list[str] = []

    async def ask_all(self, question: Any) -> Any:
        self.asked.append(question.name)
        replies = {}
        for host, at in self._shown_at.items():
            shows = at is not None and len(self.asked) >= at
            replies[host] = Reply(Found.RECORDS, (b"old", *((VALUE.encode(),) if shows else ())))
            if at == -1:
                replies[host] = Reply(Found.FAILED)
        return AuthorityReply("a.org" if replies else "", replies, self._trouble)


class ProverTests(SynchronousTestCase):
    def present(self, servers: Servers, **records: Any) -> tuple[Deferred[str], Clock]:
        clock = Clock()
        self.calls: list[tuple[str, ...]] = []

        def run(arguments: Any, text: str = "") -> Deferred[Ended]:
            self.calls.append((*arguments, text))
            return succeed(Ended(0, ""))

        zone = Zone(RecordsLookUp(self.records), servers, 60)  # type: ignore[arg-type]
        prover = DNSProver(clock, CommandChanger(["/bin/dns", "-v"], run), zone)
        arguments = ("a.org", "token", "token.print")
        self.assertEqual("", now(prover.present(*arguments)))
        presenting = Deferred.fromCoroutine(prover.visible(*arguments))
        now(prover.remove("a.org", "token", "token.print"))
        return presenting, clock

    def setUp(self) -> None:
        self.records: dict[tuple[str, str], Any] = {}

    def test_all_servers_have_to_show_the_record(self) -> None:
        servers = Servers({"ns1.a.org": 1, "ns2.a.org": 4, "ns3.a.org": -1})
        presenting, clock = self.present(servers)
        self.assertNoResult(presenting)
        clock.pump([1.0] * 10)
        self.assertEqual("", self.successResultOf(presenting))
        self.assertEqual(4, len(servers.asked))
        self.assertEqual(("/bin/dns", "-v", "present", NAME, VALUE, ""), self.calls[0])
        self.assertEqual(("/bin/dns", "-v", "cleanup", NAME, VALUE, ""), self.calls[1])

    def test_a_record_that_does_not_appear(self) -> None:
        for servers, words in (
            (Servers({"ns1.a.org": 1, "ns2.a.org": None}), "ns2.a.org of a.org does not show it"),
            (Servers({"ns1.a.org": -1}), "no server of a.org answers"),
            (Servers({}, "no zone is found"), "no zone is found"),
        ):
            presenting, clock = self.present(servers)
            clock.pump([1.0] * 90)
            found = self.successResultOf(presenting)
            self.assertEqual(f"the TXT record of {NAME} did not appear: {words}", found)

    def test_a_cname(self) -> None:
        self.records[("CNAME", NAME)] = ["x.acme.org"]
        servers = Servers({"ns1.acme.org": 1})
        presenting, _ = self.present(servers)
        self.assertEqual("", self.successResultOf(presenting))
        self.assertEqual((["x.acme.org"], "x.acme.org"), (servers.asked, self.calls[0][3]))


class ChangerTests(SynchronousTestCase):
    def test_programs_that_fail(self) -> None:
        from twisted.internet.defer import fail

        for result, words in (
            (succeed(Ended(3, "no such zone")), "/bin/dns ended with the code 3: no such zone"),
            (succeed(Ended(KILLED, "")), "/bin/dns was ended by a signal: no output"),
            (fail(TimeoutError()), "/bin/dns did not end in time"),
            (fail(OSError(2, "No such file")), "/bin/dns cannot be run: No such file"),
        ):
            changer = CommandChanger(["/bin/dns"], lambda arguments, text="", r=result: r)
            self.assertEqual(words, now(changer.present(NAME, VALUE)))

    def test_nsupdate(self) -> None:
        calls = []

        def run(arguments: Any, text: str = "") -> Deferred[Ended]:
            calls.append((arguments, text))
            return succeed(Ended(0, ""))

        changer = UpdateChanger(("::1", 5353), "/etc/key", 60, run)
        self.assertEqual("", now(changer.present(NAME, VALUE)))
        self.assertEqual("", now(changer.cleanup(NAME, VALUE)))
        (first, text), (_, cleanup) = calls
        self.assertEqual(["nsupdate", "-k", "/etc/key"], first)
        self.assertEqual(f'server ::1 5353\nupdate add {NAME}. 60 TXT "{VALUE}"\nsend\n', text)
        self.assertIn(f'update delete {NAME}. TXT "{VALUE}"', cleanup)


class ProgramTests(TestCase):
    async def test_input_output_and_exit_code(self) -> None:
        script = "import sys; print(sys.argv[1], sys.stdin.read()); sys.exit(3)"
        run = programs_of(REACTOR, 60)
        ended = await run([sys.executable, "-c", script, "a b;$HOME"], "text")
        self.assertEqual(Ended(3, "a b;$HOME text"), ended)
        self.assertEqual(0, (await run([sys.executable, "-c", ""])).code)
        with self.assertRaises(OSError):
            await run(["/nowhere/at/all"])

    async def test_a_program_that_hangs_is_killed(self) -> None:
        run = programs_of(REACTOR, 0.2)
        with self.assertRaises(TimeoutError):
            await run([sys.executable, "-c", "import time; time.sleep(600)"])
        await self.closed()

    async def test_a_program_that_does_not_end_its_output_is_killed(self) -> None:
        run = programs_of(REACTOR, 60)
        ended = await run(["/bin/sh", "-c", "yes flood; exit 0"])
        self.assertEqual(KILLED, ended.code)
        self.assertTrue(ended.output.startswith("more than 1 MB of output: flood flood"))
        self.assertLess(len(ended.output), 600)
        await self.closed()

    async def test_what_a_killed_program_has_started_does_not_keep_its_output_open(self) -> None:
        run = programs_of(REACTOR, 0.2)
        with self.assertRaises(TimeoutError):
            await run(["/bin/sh", "-c", "sleep 20; exit 0"])
        begin = REACTOR.seconds()
        await self.closed()
        self.assertLess(REACTOR.seconds() - begin, 10)

    async def closed(self) -> None:
        """Wait until nothing is read from programs any more."""
        while any(isinstance(each, ProcessReader) for each in REACTOR.getReaders()):
            await deferLater(REACTOR, 0.01)
