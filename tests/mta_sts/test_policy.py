"""Policies of MTA-STS."""

from __future__ import annotations

import contextlib
import time

from hypothesis import given, strategies
from twisted.trial.unittest import SynchronousTestCase

from mailhost.mta_sts.policy import BadPolicy, Mode, STSPolicy, parse_policy

TEXT = b"version: STSv1\nmode: enforce\nmx: mail.example.com\nmx: *.Example.net\nmax_age: 604800\n"
FAULTS = (
    (b"version: STSv1", b"version: STSv2", "version: STSv1"),
    (b"version: STSv1\n", b"", "version: STSv1"),
    (b"enforce", b"report", "enforce, testing or none"),
    (b"604800", b"31557601", "at most 31557600"),
    (b"604800", b"-1", "at most 31557600"),
    (b"max_age", b"max-age", "at most 31557600"),
    (b"mail.example.com", b"mail_", "is no host name"),
    (b"mx:", b"MX:", "names no mx"),
    (b"mode:", b"mode", "is no field"),
    (b"\n", b"\n\xff", "UTF-8"),
)


class PolicyTests(SynchronousTestCase):
    def test_line_ends(self) -> None:
        expected = STSPolicy(Mode.ENFORCE, 604800, ("mail.example.com", "*.example.net"))
        for text in (TEXT, TEXT.replace(b"\n", b"\r\n"), TEXT.replace(b": ", b":\t")):
            self.assertEqual(expected, parse_policy(text))

    def test_the_first_of_a_field_and_unknown_fields(self) -> None:
        policy = parse_policy(TEXT + b"mode: none\nx-more: 1\n")
        self.assertIs(Mode.ENFORCE, policy.mode)

    def test_no_longer_a_policy(self) -> None:
        policy = parse_policy(b"version: STSv1\nmode: none\nmax_age: 0")
        self.assertEqual(STSPolicy(Mode.NONE, 0), policy)

    def test_faults(self) -> None:
        for old, new, words in FAULTS:
            error = self.assertRaises(BadPolicy, parse_policy, TEXT.replace(old, new))
            self.assertIn(words, str(error))

    def test_a_line_of_many_spaces_takes_no_time(self) -> None:
        for line in (b"x: x" + b" " * 60_000 + b"x", b"x" + b" " * 60_000 + b":", b" " * 60_000):
            began = time.process_time()
            with contextlib.suppress(BadPolicy):
                parse_policy(TEXT + line)
            self.assertLess(time.process_time() - began, 1, line[:4])

    def test_names(self) -> None:
        policy = parse_policy(TEXT)
        for host, allowed in (
            ("mail.example.com", True),
            ("a.example.net", True),
            ("example.net", False),
            ("a.b.example.net", False),
            ("x.mail.example.com", False),
        ):
            self.assertIs(allowed, policy.allows(host), host)

    @given(strategies.binary() | strategies.text("versionmdaxSTv1:*. \r\n\t0").map(str.encode))
    def test_any_octets(self, body: bytes) -> None:
        try:
            parse_policy(body)
        except BadPolicy as bad:
            self.assertTrue(str(bad).isascii())
