"""The own side of connections to other hosts: addresses, IP versions, names in EHLO."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.model import Relay, Settings
from mailhost.config.sending import of_family
from mailhost.config.sending_check import sending_faults, sending_warnings

HEAD = {"version": 1, "hostname": "mail.here.example", "data": "/var/lib/mailhost"}


def settings_of(relay: Any, domain: Any = None) -> Settings:
    """Settings with these tables."""
    return Settings.model_validate({**HEAD, "relay": relay, "domain": domain or {}})


class AddressesTests(SynchronousTestCase):
    def test_a_text_or_a_list(self) -> None:
        for written, found in (
            ("", ()),
            ("192.0.2.1", ("192.0.2.1",)),
            (["2001:DB8::1"], ("2001:db8::1",)),
            (["192.0.2.1", "2001:db8::1"], ("192.0.2.1", "2001:db8::1")),
        ):
            self.assertEqual(Relay.model_validate({"bind": written}).bind, found)

    def test_wrong_ones_are_explained(self) -> None:
        for written, text in (
            ("eth0", "IP address"),
            (5, "IP address"),
            (["192.0.2.1", ""], "IP address"),
            (["192.0.2.1", "192.0.2.1"], "there twice"),
            (["192.0.2.1", "192.0.2.2"], "of one IP version"),
        ):
            error = self.assertRaises(ValidationError, Relay.model_validate, {"bind": written})
            self.assertIn(text, str(error))

    def test_of_family(self) -> None:
        both = ("192.0.2.1", "2001:db8::1")
        self.assertEqual(of_family(both, "198.51.100.1"), "192.0.2.1")
        self.assertEqual(of_family(both, "2001:db8::9"), "2001:db8::1")
        self.assertEqual(of_family(both[:1], "2001:db8::9"), "")


class ByDomainTests(SynchronousTestCase):
    def test_tables_of_both_kinds_and_other_names(self) -> None:
        settings = settings_of(
            {"domain": {"far.example": {"hello": "mail.far.example"}}},
            {"a.example": {"aliases": ["b.example"], "sending": {"address": "127.0.0.9"}}},
        )
        found = settings.sending_by_domain
        self.assertEqual(set(found), {"far.example", "a.example", "b.example"})
        self.assertEqual(found["b.example"].address, ("127.0.0.9",))

    def test_a_domain_of_the_file_in_the_other_table(self) -> None:
        table = {"b.example": {"hello": "x.example"}}
        settings = settings_of({"domain": table}, {"a.example": {"aliases": ["b.example"]}})
        [found] = sending_faults(settings)
        self.assertEqual(found.key, 'relay.domain."b.example"')
        self.assertIn('[domain."a.example".sending]', found.text)


class WarningTests(SynchronousTestCase):
    def texts(self, relay: Any, sending: Any = None) -> dict[str, str]:
        """The warnings by key."""
        settings = settings_of(relay, {"a.example": {"sending": sending or {}}})
        return {each.key: each.text for each in sending_warnings(settings)}

    def test_none(self) -> None:
        sending = {"address": "127.0.0.9", "hello": "mail.a.example"}
        self.assertEqual(self.texts({"bind": "127.0.0.9"}, sending), {})

    def test_an_address_of_another_machine(self) -> None:
        found = self.texts({"bind": "203.0.113.8"}, {"address": "203.0.113.9"})
        self.assertIn("does not have the address 203.0.113.8", found["relay.bind"])
        self.assertIn("203.0.113.9", found['domain."a.example".sending.address'])

    def test_an_address_of_a_version_that_is_not_used(self) -> None:
        found = self.texts({"bind": "::1", "families": "ipv4"})
        self.assertIn('relay.families is "ipv4"', found["relay.bind"])

    def test_a_name_that_no_other_host_can_look_up(self) -> None:
        found = self.texts({}, {"hello": "mail"})
        self.assertIn("full name", found['domain."a.example".sending.hello'])
