"""Routes to other networks."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailhost.doctor.finding import Finding, Verdict
from mailhost.doctor.network.routes import MachineRoutes, read_routes, routes_check
from tests.doctor.running import findings_of

GLOBAL = ("2600::1",)


def finding(routes: MachineRoutes, *bind: str) -> Finding:
    """The finding about a machine."""
    [found] = findings_of(routes_check(lambda: routes, bind))
    return found


class RoutesTests(SynchronousTestCase):
    def test_kinds_of_machines(self) -> None:
        for routes, verdict, name in (
            (MachineRoutes(True, True, GLOBAL), Verdict.OK, ""),
            (MachineRoutes(True, True), Verdict.OK, ""),
            (MachineRoutes(True, False), Verdict.OK, ""),
            (MachineRoutes(True, False, GLOBAL), Verdict.WARNING, "doctor/ipv6-no-route"),
            (MachineRoutes(False, True, GLOBAL), Verdict.WARNING, "doctor/ipv4-no-route"),
            (MachineRoutes(False, False), Verdict.FAILURE, "doctor/no-default-route"),
            (MachineRoutes(False, False, GLOBAL), Verdict.FAILURE, "doctor/no-default-route"),
        ):
            found = finding(routes)
            self.assertEqual((verdict, name), (found.verdict, found.name), routes)

    def test_mail_that_stays_on_the_machine_needs_no_route(self) -> None:
        self.assertEqual("", finding(MachineRoutes(False, False), "127.0.0.2").name)
        found = finding(MachineRoutes(False, False), "192.0.2.1")
        self.assertEqual("doctor/no-default-route", found.name)

    def test_global_addresses_of_the_machine(self) -> None:
        path = Path(self.mktemp())
        path.write_text(
            "00000000000000000000000000000001 01 80 10 80       lo\n"
            "26000000000000000000000000000001 02 40 00 80     eth0\n"
            "fe80000000000000fc00fffe00000001 02 40 20 80     eth0\n"
            "fd000000000000000000000000000002 02 40 00 82     eth0\n"
        )
        self.assertEqual(GLOBAL, read_routes(str(path)).ipv6_addresses)

    def test_a_system_without_that_list(self) -> None:
        self.assertEqual((), read_routes(self.mktemp()).ipv6_addresses)
