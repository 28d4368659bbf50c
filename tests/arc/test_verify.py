"""Chains: those of dkimpy, and what breaks one."""

from __future__ import annotations

from typing import Any

import dkim
from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.dns import Found, Question
from tests.arc.messages import sealed, sealed_often, verified
from tests.dkim.messages import KEYS, PLAIN

NAME = ("TXT", "r._domainkey.a.example")


class Chains(SynchronousTestCase):
    def assertFails(self, reason: str, message: bytes, **more: Any) -> None:
        result = verified(message, **more)
        self.assertEqual((result.status.value, result.sets), ("fail", ()))
        self.assertIn(reason, result.reason)

    def test_none(self) -> None:
        self.assertEqual(verified(PLAIN).status.value, "none")

    def test_chains_of_dkimpy(self) -> None:
        for times in (1, 2, 5):
            message = sealed_often(times)
            result = verified(message)
            self.assertEqual((result.status.value, result.reason), ("pass", ""))
            self.assertEqual(result.sealers, ("a.example",) * times)
            self.assertIn("spf=pass smtp.mailfrom=a.example", result.sets[0].text)
            self.assertEqual([each.instance for each in result.sets], list(range(1, times + 1)))

    def test_dkimpy_says_the_same_of_changed_messages(self) -> None:
        message = sealed_often(2)

        def find(name: bytes, timeout: int = 5) -> bytes:
            return KEYS[("TXT", name.decode().rstrip("."))][0]

        for old, new in (
            (b"Hello", b"Hello"),
            (b"Hello,  Bob", b"Hello, Bob"),
            (b"Hello,  Bob", b"Hello, Eve"),
            (b"Subject: Hello", b"Subject: Bye"),
            (b"cv=none", b"cv=pass"),
            (b"spf=pass", b"spf=fail"),
            (b"i=2;", b"i=3;"),
        ):
            changed = message.replace(old, new)
            theirs, _, _ = dkim.arc_verify(changed, dnsfunc=find)
            self.assertEqual(verified(changed).status.value == "pass", theirs == b"pass", new)

    def test_a_message_that_has_changed(self) -> None:
        message = sealed_often(2)
        self.assertFails("signature 2: the body has changed", message + b"more\r\n")
        changed = message.replace(b"Subject: Hello", b"Subject: Bye")
        self.assertFails("signature 2: the signature does not match", changed)

    def test_what_a_list_changes_is_found_by_the_next_sealer(self) -> None:
        message = sealed(sealed_often(1) + b"-- \r\nfooter\r\n", "pass")
        self.assertEqual(verified(message).status.value, "pass")

    def test_results_that_were_changed_later(self) -> None:
        message = sealed_often(2)
        at = message.rindex(b"spf=pass")
        self.assertFails("seal 2", message[:at] + b"spf=fail" + message[at + 8 :])

    def test_chains_that_cannot_be_right(self) -> None:
        once = sealed_often(1)
        self.assertFails("is missing", once.replace(b"ARC-Seal", b"X-Seal"))
        self.assertFails("is missing", once.replace(b"i=1", b"i=2"))
        self.assertFails("without a number", once.replace(b"i=1", b"i=51"))
        self.assertFails("without a number", once.replace(b"i=1", b"i=0"))
        self.assertFails(
            "says that the chain before it is pass", once.replace(b"cv=none", b"cv=pass")
        )
        self.assertFails("says that the chain before it is fail", sealed(once, "fail"))
        self.assertFails("unknown value of cv", once.replace(b"cv=none", b"cv=x"))
        self.assertFails("with the tag h", once.replace(b"cv=none", b"cv=none; h=from"))
        self.assertFails("over ARC-Seal", once.replace(b"h=from", b"h=arc-seal : from"))
        fields = once[: once.index(b"From:")]
        self.assertFails("two ARC-Authentication-Results", fields + once)
        self.assertFails("tag cv is missing", once.replace(b"cv=none", b"x=none"))

    def test_keys(self) -> None:
        message = sealed_often(1)
        self.assertFails("no key in DNS", message, records={})
        result = verified(message, {NAME: Found.FAILED})
        self.assertEqual(result.status.value, "temperror")

    def test_many_sets(self) -> None:
        asked: list[Question[Any]] = []
        message = sealed_often(1)
        fields = message[: message.index(b"From:")]
        many = b"".join(fields.replace(b"i=1", b"i=%d" % number) for number in range(1, 52))
        self.assertFails("without a number", many + PLAIN, asked=asked)
        self.assertEqual(asked, [])
