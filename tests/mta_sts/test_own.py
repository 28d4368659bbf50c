"""Policies that this host publishes."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.model import Settings
from mailhost.mta_sts.own import own_id, own_policy, own_record, policy_text
from mailhost.mta_sts.policy import Mode, STSPolicy, parse_policy
from mailhost.mta_sts.record import is_sts, policy_id

TEXT = b"version: STSv1\r\nmode: testing\r\nmx: mx.example.com\r\nmax_age: 604800\r\n"


def settings(**more: Any) -> Settings:
    least = {"version": 1, "hostname": "mx.example.com", "data": "/d"}
    return Settings.model_validate({**least, **more})


class OwnPolicyTests(SynchronousTestCase):
    def test_the_policy_without_settings(self) -> None:
        policy = own_policy(settings(), "example.org")
        self.assertEqual(policy_text(policy), TEXT)
        self.assertEqual(parse_policy(TEXT), policy)

    def test_one_domain_may_have_another(self) -> None:
        found = settings(
            mta_sts={
                "mode": "enforce",
                "mx": ["*.Backup.example", "mx.example.com"],
                "domain": {"example.org": {"max_age": "30 days"}},
            },
            domain={
                "example.net": {
                    "aliases": ["alias.example", "example.org"],
                    "mta_sts": {"mode": "none", "mx": []},
                }
            },
        )
        week, month, hosts = 604_800, 2_592_000, ("mx.example.com", "*.backup.example")
        for domain, expected in (
            ("example.com", STSPolicy(Mode.ENFORCE, week, hosts)),
            ("example.org", STSPolicy(Mode.ENFORCE, month, hosts)),
            ("example.net", STSPolicy(Mode.NONE, week, hosts[:1])),
            ("alias.example", STSPolicy(Mode.NONE, week, hosts[:1])),
        ):
            self.assertEqual(own_policy(found, domain), expected)

    def test_the_id_follows_from_the_content(self) -> None:
        policies = [STSPolicy(mode, age, ("a.example",)) for mode in Mode for age in (1, 2)]
        ids = set(map(own_id, policies))
        self.assertEqual(len(ids), 6)
        self.assertEqual(own_id(STSPolicy(Mode.NONE, 1, ("a.example",))), own_id(policies[4]))

    def test_the_record(self) -> None:
        policy = own_policy(settings(), "example.org")
        record = own_record(policy).encode()
        self.assertEqual(record, b"v=STSv1; id=%b;" % own_id(policy).encode())
        self.assertTrue(is_sts(record))
        self.assertEqual(policy_id(record), own_id(policy))
