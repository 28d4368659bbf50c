"""Keys are made when a domain is first seen, and replaced without a person."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailhost.config.model import Settings
from mailhost.config.section import DAY
from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.dns import Found, Reply
from mailhost.interfaces.events import Faulted
from mailhost.interfaces.signing import DomainKey, IKeyMaker, KeyState, Shown
from mailhost.signing import key_work
from mailhost.signing.keeper import CHECK_PERIOD, RETRY_AFTER, KeyKeeper
from mailhost.signing.key_files import KeyFiles
from mailhost.signing.key_ring import KeyRing
from mailhost.signing.key_work import KeyWork
from mailhost.signing.published import IServers
from mailhost.signing.rules import SigningRules
from tests.dkim.messages import RSA
from tests.fakes import FakeDirectory, RecordingEvents, domain, now, view_of
from tests.queue.fakes import here

START = 1_700_000_000  # 2023-11-14
SETTINGS: dict[str, Any] = {"version": 1, "hostname": "mx.a.org", "data": "/data"}


_FAILED: Reply[bytes] = Reply(Found.FAILED)


@implementer(IServers)
class FakeServers:
    """Two servers: the second shows what the first did when `catch_up` was called last."""

    def __init__(self) -> None:
        self.first: dict[str, bytes] = {}
        self.second: dict[str, bytes] = {}
        self.down = False
        self.asked: list[str] = []

    def publish(self, *keys: DomainKey) -> None:
        self.first |= {key.name: key.record.encode() for key in keys}

    def catch_up(self) -> None:
        self.second = dict(self.first)

    def ask_all(self, name: str) -> Awaitable[Sequence[Reply[bytes]]]:
        self.asked.append(name)
        if self.down:
            return succeed([_FAILED] * 2)
        return succeed([_reply(records, name) for records in (self.first, self.second)])


def _reply(records: dict[str, bytes], name: str) -> Reply[bytes]:
    if name not in records:
        return Reply(Found.NO_DOMAIN)
    return Reply(Found.RECORDS, (records[name],))


class KeeperCase(SynchronousTestCase):
    """A host with the domain a.org."""

    new_host = False

    def setUp(self) -> None:
        self.patch(key_work, "make_rsa_key", lambda bits: RSA)
        self.clock = Clock()
        self.data = self.mktemp()
        self.events = RecordingEvents()
        self.files = KeyFiles(self.data, BlockingCommitter(OperatingSystem()).commit)
        self.files.prepare(self.new_host)
        self.ring = KeyRing(self.files, here, self.events)
        self.servers = FakeServers()
        self.directory = FakeDirectory(view_of(domain("a.org")))
        self.changed: list[str] = []
        self.use({})
        self.begin()

    def begin(self) -> None:
        """Start the host, or start it again."""
        self.keeper = KeyKeeper(
            self.clock,
            self.in_thread,
            self.ring,
            KeyWork(self.files, lambda: START + self.clock.seconds()),
            self.servers,
            self.directory,
            self.events,
            lambda: self.rules,
            self.changed.append,
        )
        self.keeper.start()
        self.addCleanup(lambda: now(self.keeper.stop()))

    def in_thread(self, work: Any) -> Any:
        return here(work)

    def use(self, dkim: dict[str, Any], **more: Any) -> None:
        self.rules = SigningRules(Settings.model_validate({**SETTINGS, **more, "dkim": dkim}))

    def wait(self, seconds: float) -> None:
        """Let time pass, with checks in between."""
        step = CHECK_PERIOD if seconds < DAY else DAY / 4
        for _ in range(int(seconds // step)):
            self.clock.advance(step)

    def keys(self, name: str = "a.org") -> list[DomainKey]:
        return [pair.public for pair in self.ring.keys(name) or ()]

    def states(self, name: str = "a.org") -> dict[str, str]:
        found = {key.selector: key.state.value for key in self.keys(name)}
        stored = {each.public.selector: each.public.state for each in self.files.read(name) or ()}
        self.assertEqual(found, stored)
        return found

    def signing(self, name: str = "a.org") -> set[str]:
        """The selectors by which a domain signs now."""
        return {each.selector for each in self.ring.signers(name)}


class New(KeeperCase):
    new_host = True

    def test_interfaces(self) -> None:
        verifyObject(IKeyMaker, self.keeper)
        verifyObject(IServers, self.servers)

    def test_the_first_keys_sign_at_once(self) -> None:
        self.assertEqual(self.signing(), {"20231114-rsa", "20231114-ed25519"})
        self.assertEqual(self.signing("mx.a.org"), {"20231114-rsa", "20231114-ed25519"})
        self.assertEqual(self.changed, ["a.org", "mx.a.org"])

    def test_a_domain_that_is_added_while_it_runs(self) -> None:
        self.directory.view = view_of(domain("a.org"), domain("b.org"), also_org="b.org")
        self.clock.advance(1)
        self.assertEqual(len(self.signing("b.org")), 2)
        self.assertEqual(len(self.signing("also.org")), 2)

    def test_a_domain_that_a_message_asks_for_first(self) -> None:
        self.directory.view = view_of(domain("a.org"), domain("b.org"))
        now(self.keeper.ensure("b.org"))
        self.assertEqual(len(self.signing("b.org")), 2)
        now(self.keeper.ensure("far.org"))
        self.assertIsNone(self.ring.keys("far.org"))

    def test_other_settings(self) -> None:
        self.use({"algorithms": ["rsa"]})
        self.clock.advance(1)
        self.assertEqual(self.states(), {"20231114-rsa": "active", "20231114-ed25519": "retired"})
        self.use({"algorithms": ["ed25519"], "domain": {"a.org": {"selector": "mail"}}})
        self.clock.advance(1)
        self.assertEqual(self.states()["mail-20231114-ed25519"], "coming")

    def test_the_log_warns_once_a_day(self) -> None:
        self.wait(DAY + DAY / 4)
        texts = [event.line for event in self.events.of(Faulted) if "mx.a.org" not in event.line]
        names = "20231114-rsa._domainkey.a.org, 20231114-ed25519._domainkey.a.org"
        text = f"dkim: DNS does not show {names}; see `mailhost dkim list a.org`"
        self.assertEqual(texts, [text, text])
        self.servers.publish(*self.keys())
        self.servers.catch_up()
        self.servers.second[self.keys()[0].name] = b"v=DKIM1; p="
        self.wait(DAY)
        self.assertIn("DNS shows another key at 20231114-rsa._domainkey", self.events.lines[-2])
        self.assertEqual(self.keeper.shown(self.keys()[0]), Shown.DIFFERENT)
        self.assertEqual(self.keeper.shown(self.keys()[1]), Shown.YES)
        self.assertEqual(len(self.signing()), 2)

    def test_dns_that_does_not_answer_is_no_warning(self) -> None:
        self.servers.down = True
        self.wait(DAY)
        self.assertEqual([], self.events.of(Faulted))

    def test_names_for_tests_and_the_demo_are_not_asked_for(self) -> None:
        self.directory.view = view_of(*(domain(f"a.{name}") for name in ("example", "test")))
        self.use({}, hostname="mx.invalid")
        self.wait(2 * DAY)
        self.assertEqual([], [name for name in self.servers.asked if "org" not in name])
        self.assertEqual([], self.events.of(Faulted))


class Rotation(KeeperCase):
    """An upgraded host, and a DNS server that lags behind the other."""

    def publish(self) -> None:
        self.servers.publish(*(key for key in self.keys() if key.state is not KeyState.REMOVABLE))

    def test_the_whole_life_of_a_key(self) -> None:
        self.assertEqual(self.signing(), set())
        self.publish()
        self.wait(CHECK_PERIOD)
        self.assertEqual(self.signing(), set(), "one of two servers does not show the keys")
        self.servers.catch_up()
        self.wait(CHECK_PERIOD)
        first = {"20231114-rsa", "20231114-ed25519"}
        self.assertEqual(self.signing(), first)

        self.wait(180 * DAY)
        second = set(self.states()) - first
        self.assertEqual(second, {"20240512-rsa", "20240512-ed25519"})
        self.assertEqual(self.signing(), first, "DNS does not show the new ones")
        self.wait(3 * DAY)
        self.assertIn("DNS does not show 20240512-rsa._domainkey.a.org", "".join(self.events.lines))
        self.publish()
        self.servers.catch_up()
        self.wait(CHECK_PERIOD)
        self.assertEqual(self.signing(), second)
        states = self.states()
        self.assertEqual({states[each] for each in first}, {"retired"})

        self.wait(9 * DAY)
        self.assertEqual({self.states()[each] for each in first}, {"retired"})
        self.wait(2 * DAY)
        self.assertEqual({self.states()[each] for each in first}, {"removable"})
        name = "20231114-rsa._domainkey.a.org"
        text = f"dkim: {name} is used by no mail any more; remove its record from DNS"
        self.assertEqual(self.events.lines.count(text), 1)
        for records in (self.servers.first, self.servers.second):
            records.pop(name)
        self.wait(DAY)
        self.assertEqual(set(self.states()), second | {"20231114-ed25519"})

    def test_a_key_that_was_stolen(self) -> None:
        """Its record is replaced by one that revokes the key. That is no fault."""
        self.publish()
        self.servers.catch_up()
        self.wait(CHECK_PERIOD)
        work, rules = KeyWork(self.files, lambda: START), self.rules.of("a.org")
        now(self.keeper.change("a.org", lambda domain: work.rotate(domain, rules)))
        self.publish()
        self.servers.catch_up()
        self.wait(CHECK_PERIOD)
        for name in ("20231114-rsa", "20231114-ed25519"):
            self.servers.first[f"{name}._domainkey.a.org"] = b"v=DKIM1; p="
        self.servers.catch_up()
        self.events.told.clear()
        self.wait(2 * DAY)
        self.assertEqual([], [e.line for e in self.events.of(Faulted) if "mx.a.org" not in e.line])
        self.wait(10 * DAY)
        self.assertEqual(set(self.states().values()), {"active"})

    def test_private_keys_that_sign_no_more_are_deleted(self) -> None:
        self.publish()
        self.servers.catch_up()
        self.wait(CHECK_PERIOD)
        self.use({"algorithms": ["rsa"]})
        self.clock.advance(1)
        pairs = {each.public.algorithm: each.pem for each in self.files.read("a.org") or ()}
        self.assertEqual(pairs["ed25519"], "")
        self.assertNotEqual(pairs["rsa"], "")

    def test_a_restart_goes_on(self) -> None:
        now(self.keeper.stop())
        self.publish()
        self.servers.catch_up()
        self.ring = KeyRing(self.files, here, self.events)
        self.ring.load()
        self.begin()
        self.wait(CHECK_PERIOD)
        self.assertEqual(len(self.signing()), 2)

    def test_never(self) -> None:
        self.use({"rotate_after": 0})
        self.publish()
        self.servers.catch_up()
        self.wait(400 * DAY)
        self.assertEqual(set(self.states()), {"20231114-rsa", "20231114-ed25519"})

    def test_of_a_name_that_is_not_in_dns(self) -> None:
        self.directory.view = view_of(domain("a.test"))
        self.clock.advance(1)
        self.wait(181 * DAY)
        states = self.states("a.test")
        self.assertEqual(states["20231114-rsa"], "retired")
        self.assertEqual(self.signing("a.test"), {"20240513-rsa", "20240513-ed25519"})
        self.wait(15 * DAY)
        self.assertEqual(set(self.states("a.test")), self.signing("a.test"))


class Faults(KeeperCase):
    new_host = True

    def test_a_disk_that_fails_is_tried_again_later(self) -> None:
        failing = True
        write = KeyFiles.save

        def save(files: KeyFiles, name: str, keys: Any) -> Any:
            if failing:
                raise OSError(28, "No space left on device")
            return write(files, name, keys)

        self.patch(KeyFiles, "save", save)
        self.directory.view = view_of(domain("b.org"))
        self.clock.advance(1)
        self.clock.advance(1)
        text = "dkim: cannot change the keys of b.org: [Errno 28] No space left on device"
        self.assertEqual([each.line for each in self.events.of(Faulted)], [text])
        failing = False
        self.clock.advance(RETRY_AFTER)
        self.assertEqual(len(self.signing("b.org")), 2)

    def test_a_damaged_file_stays_and_is_logged(self) -> None:
        path = os.path.join(self.data, "dkim", "a.org", "keys.json")
        with open(path, "w") as file:
            file.write("{")
        ring = KeyRing(self.files, here, self.events)
        ring.load()
        self.assertEqual(ring.signers("a.org"), ())
        self.assertIn("a.org/keys.json is damaged", self.events.lines[-1])
        self.ring = ring
        self.begin()
        with open(path) as file:
            self.assertEqual(file.read(), "{")

    def test_a_file_that_cannot_be_read_stops_no_start(self) -> None:
        read = KeyFiles.read

        def fail(files: KeyFiles, name: str) -> Any:
            if name == "a.org":
                raise PermissionError(13, "Permission denied")
            return read(files, name)

        self.patch(KeyFiles, "read", fail)
        ring = KeyRing(self.files, here, self.events)
        ring.load()
        self.assertEqual((ring.signers("a.org"), len(ring.signers("mx.a.org"))), ((), 2))
        self.assertIn("cannot read the keys of a.org: [Errno 13]", self.events.lines[-1])

    def test_a_file_that_others_may_read(self) -> None:
        path = os.path.join(self.data, "dkim", "a.org", "keys.json")
        os.chmod(path, 0o640)
        ring = KeyRing(self.files, here, self.events)
        ring.load()
        self.assertEqual(len(ring.signers("a.org")), 2)
        self.assertIn(f"run: chmod 600 {path}", self.events.lines[-1])


class Stopping(KeeperCase):
    new_host = True

    def setUp(self) -> None:
        self.waiting: list[tuple[Any, Deferred[Any]]] = []
        super().setUp()

    def in_thread(self, work: Any) -> Any:
        answer: Deferred[Any] = Deferred()
        self.waiting.append((work, answer))
        return answer

    def go_on(self) -> None:
        work, answer = self.waiting.pop()
        answer.callback(work())

    def test_what_was_begun_ends_and_nothing_else_begins(self) -> None:
        asking = Deferred.fromCoroutine(self.keeper.ensure("a.org"))
        stopping = Deferred.fromCoroutine(self.keeper.stop())
        self.assertNoResult(stopping)
        self.assertNoResult(asking)
        self.go_on()
        self.successResultOf(stopping)
        self.successResultOf(asking)
        self.assertEqual([], self.waiting)
        self.assertEqual(len(self.signing()), 2)
        self.assertIsNone(self.ring.keys("mx.a.org"))
