"""When an address is noticed, and what follows."""

from __future__ import annotations

import os
from ipaddress import ip_network

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.doctor import Doctor
from mailhost.doctor.clients.evidence import LEAST_HELLO, LEAST_SENDERS
from mailhost.doctor.clients.lost import HOUR, MOST_LOST, LostAddresses, LostSettings
from mailhost.doctor.clients.lost_address import Consequence, LostAddress
from mailhost.doctor.clients.lost_file import LostFile
from mailhost.doctor.clients.watch import WINDOW
from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.events import Faulted
from mailhost.interfaces.sightings import Names, Sightings
from tests.doctor.running import at_once
from tests.fakes import RecordingEvents, now

BRIDGE = "172.17.0.1"
STRANGERS = tuple(f"far{number}.net" for number in range(LEAST_HELLO))
LISTED = (ip_network("172.16.0.0/12"),)
STRANGE = Names(STRANGERS, STRANGERS)


class LostCase(SynchronousTestCase):
    """`stopped` has the addresses that are stopped now, `mailed` those that were mailed, while
    `mail_works`."""

    settings = LostSettings(Doctor(), LISTED)

    def setUp(self) -> None:
        self.clock = Clock()
        self.folder = os.path.abspath(self.mktemp())
        os.mkdir(self.folder)
        self.gateways: set[str] = set()
        self.mail_works = True
        self.begin()

    def begin(self) -> None:
        """Start, as after a restart of the host."""
        self.events = RecordingEvents()
        self.stopped: frozenset[str] = frozenset()
        self.mailed: list[tuple[LostAddress, Consequence]] = []
        file = LostFile(self.folder, BlockingCommitter(OperatingSystem()).commit)
        self.lost = LostAddresses(
            self.clock,
            at_once,
            file,
            lambda: self.gateways,
            lambda: self.settings,
            self._stop,
            self._mail,
            self.events,
            wall=lambda: 1_700_000_000.0,
        )
        self.lost.start()
        self.addCleanup(self.lost.stop)

    def _stop(self, addresses: frozenset[str]) -> None:
        self.stopped = addresses

    def _mail(self, lost: LostAddress, consequence: Consequence) -> Deferred[bool]:
        self.mailed.append((lost, consequence))
        return succeed(self.mail_works)

    def saw(self, names: Names, address: str = BRIDGE, public: bool = False) -> None:
        self.lost.saw(Sightings({address: names}, public))

    @property
    def noticed(self) -> list[str]:
        return [each["address"] for each in self.lost.shown()["addresses"]]


class NoticeTests(LostCase):
    def test_strangers_of_many_domains(self) -> None:
        self.saw(Names(STRANGERS, STRANGERS[1:]))
        self.assertEqual(self.noticed, [])
        self.saw(Names((), STRANGERS[:1]))
        self.assertEqual(self.noticed, [BRIDGE])

    def test_it_is_said_and_mailed_once(self) -> None:
        self.saw(STRANGE)
        self.saw(Names(("more.net",), ("more.net",)))
        self.clock.advance(HOUR)
        (line,) = self.events.lines
        self.assertIn("clients at 172.17.0.1 that do not log in give names", line)
        self.assertIn("(far0.net, far1.net, ", line)
        self.assertIn("it is an open relay", line)
        self.assertTrue(line.endswith("mailhost doctor looked 172.17.0.1"), line)
        self.assertEqual([lost.address for lost, _ in self.mailed], [BRIDGE])

    def test_a_web_application_and_an_office(self) -> None:
        many = tuple(f"customer{number}.net" for number in range(20))
        self.saw(Names(("shop.com",), many), "10.0.0.5")  # one server, mail of many domains
        self.saw(Names(many, ("firm.com",)), "10.0.0.6")  # many machines, mail of one domain
        self.assertEqual(self.noticed, [])

    def test_workers_see_parts(self) -> None:
        for name in STRANGERS:
            self.saw(Names((name,), ()))
        for name in STRANGERS[: LEAST_SENDERS - 1]:
            self.saw(Names((name,), (name,)))
        self.assertEqual(self.noticed, [])
        self.saw(Names((), STRANGERS[-1:]))
        self.assertEqual(self.noticed, [BRIDGE])

    def test_names_of_long_ago_do_not_count(self) -> None:
        self.saw(Names(STRANGERS, ()))
        self.clock.advance(WINDOW + 1)
        self.saw(Names((), STRANGERS))
        self.assertEqual(self.noticed, [])

    def test_the_cause(self) -> None:
        self.saw(STRANGE)
        self.assertIn("No client has connected from a public address", self.events.lines[-1])
        self.saw(STRANGE, "10.0.0.1", public=True)
        self.assertIn("Other clients connect from public addresses", self.events.lines[-1])
        self.gateways = {"10.0.0.2"}
        self.saw(STRANGE, "10.0.0.2")
        self.assertIn("the default gateway of this host, as in a container", self.events.lines[-1])

    def test_an_address_that_may_not_relay(self) -> None:
        self.saw(STRANGE, "192.168.1.1")
        self.assertIn("The address is not in relay.networks", self.events.lines[-1])
        self.assertEqual(self.mailed[0][1], Consequence(listed=False, stopped=False))

    def test_at_most_so_many(self) -> None:
        for number in range(2 * MOST_LOST):
            self.saw(STRANGE, f"10.0.0.{number}")
        self.assertEqual(len(self.noticed), MOST_LOST)

    def test_a_mail_that_cannot_be_handed_over_is_tried_again(self) -> None:
        self.mail_works = False
        self.saw(STRANGE)
        self.mail_works = True
        self.clock.advance(HOUR)
        self.clock.advance(HOUR)
        self.assertEqual(len(self.mailed), 2)


class SharedAddressTests(LostCase):
    settings = LostSettings(
        Doctor(shared_addresses=(ip_network("172.17.0.0/24"),), stop=True), LISTED
    )

    def test_it_is_not_noticed(self) -> None:
        self.saw(STRANGE)
        self.assertEqual((self.noticed, self.stopped), ([], frozenset()))
        self.saw(STRANGE, "172.18.0.1")
        self.assertEqual(self.noticed, ["172.18.0.1"])

    def test_one_that_was_noticed_before_relays_again(self) -> None:
        shared, self.settings = self.settings, LostSettings(Doctor(stop=True), LISTED)
        self.saw(STRANGE)
        self.assertEqual(self.stopped, {BRIDGE})
        self.settings = shared
        self.lost.reconfigure()
        self.assertEqual((self.noticed, self.stopped), ([], frozenset()))


class StopTests(LostCase):
    settings = LostSettings(Doctor(stop=True), LISTED)

    def test_relaying_is_stopped_until_a_person_looked(self) -> None:
        self.saw(STRANGE)
        self.assertEqual(self.stopped, {BRIDGE})
        self.assertIn("is answered 451 until you run", self.events.lines[-1])
        self.assertTrue(now(self.lost.looked(BRIDGE)))
        self.assertEqual((self.stopped, self.noticed), (frozenset(), []))
        self.saw(Names(STRANGERS[:1], STRANGERS[:1]))
        self.assertEqual(self.noticed, [])
        self.saw(STRANGE)
        self.assertEqual(self.stopped, {BRIDGE})

    def test_it_stays_over_restarts(self) -> None:
        self.saw(STRANGE)
        self.begin()
        self.assertEqual((self.stopped, self.noticed), ({BRIDGE}, [BRIDGE]))
        self.saw(STRANGE)
        self.clock.advance(HOUR)
        self.assertEqual((self.events.told, self.mailed), ([], []))
        now(self.lost.looked(BRIDGE))
        self.begin()
        self.assertEqual((self.stopped, self.noticed), (frozenset(), []))

    def test_addresses_that_may_not_relay_anyway(self) -> None:
        self.saw(STRANGE, "192.168.1.1")
        self.assertEqual(self.stopped, frozenset())

    def test_the_setting_is_changed(self) -> None:
        self.saw(STRANGE)
        self.settings = LostSettings(Doctor(), LISTED)
        self.lost.reconfigure()
        self.assertEqual(self.stopped, frozenset())

    def test_nothing_was_noticed(self) -> None:
        self.assertFalse(now(self.lost.looked("10.0.0.1")))


class FileTests(LostCase):
    settings = LostSettings(Doctor(stop=True), LISTED)

    def test_a_damaged_file_is_logged(self) -> None:
        for text in ("[", "{}", '[{"address": "10.0.0.1"}]', "[3]"):
            with open(os.path.join(self.folder, "lost-addresses.json"), "w") as file:
                file.write(text)
            self.begin()
            (event,) = self.events.of(Faulted)
            self.assertIn("cannot read", event.line)

    def test_a_file_that_cannot_be_written(self) -> None:
        self.saw(STRANGE)
        path = os.path.join(self.folder, "lost-addresses.json")
        os.unlink(path)
        os.mkdir(path)
        looked = Deferred.fromCoroutine(self.lost.looked(BRIDGE))
        self.failureResultOf(looked, OSError)
        self.assertEqual(self.stopped, {BRIDGE})
        self.saw(STRANGE, "172.17.0.2")
        self.assertEqual(self.stopped, {BRIDGE, "172.17.0.2"})
        self.assertIn("directory", self.events.lines[-1])
