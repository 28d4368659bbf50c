"""Our Authentication-Results field, and those that pretend to be ours."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.authentication_results import (
    LONGEST_FIELD,
    MOST_FIELDS,
    MethodResult,
    authserv_id,
    is_junk,
    results_field,
    without_results_of,
)
from mailhost.message.header import fields

HOSTS = ("mx.a.example", "a.example")


class Written(SynchronousTestCase):
    def test_results(self) -> None:
        results = [
            MethodResult("spf", "pass", [("smtp.mailfrom", "ann@b.example"), ("smtp.helo", "")]),
            MethodResult(
                "dkim",
                "fail",
                [("header.d", "b.example"), ("header.s", "s"), ("header.b", "a+b/c=")],
                'the "body"\r\nhas changed',
            ),
            MethodResult("dmarc", "none"),
        ]
        self.assertEqual(
            results_field("mx.a.example", results),
            b"Authentication-Results: mx.a.example;\r\n"
            b"\tspf=pass smtp.mailfrom=ann@b.example;\r\n"
            b'\tdkim=fail reason="the \\"body\\" has changed" header.d=b.example header.s=s\r\n'
            b'\t header.b="a+b/c=";\r\n'
            b"\tdmarc=none\r\n",
        )

    def test_no_results(self) -> None:
        field = results_field("mx.a.example", [])
        self.assertEqual(field, b"Authentication-Results: mx.a.example;\r\n\tnone\r\n")

    @given(st.text(max_size=400), st.text(max_size=400))
    def test_any_value_stays_in_its_place(self, value: str, reason: str) -> None:
        value, reason = (text.encode("utf-8", "replace").decode() for text in (value, reason))
        field = results_field("a.example", [MethodResult("spf", "fail", [("x.y", value)], reason)])
        self.assertEqual(len(list(fields(field + b"To: x\r\n"))), 2)
        self.assertEqual(without_results_of(field, HOSTS), b"")

    def test_a_sender_cannot_mark_a_message_as_junk(self) -> None:
        applied = "policy.applied-disposition"
        sender = f'"x {applied}=quarantine x"@b.example'
        results = [
            MethodResult("spf", "none", [("smtp.mailfrom", sender)], f"{applied}=quarantine")
        ]
        field = results_field("a.example", results)
        self.assertFalse(is_junk(field, "a.example"))
        results.append(MethodResult("dmarc", "fail", [(applied, "quarantine")]))
        self.assertTrue(is_junk(results_field("a.example", results), "a.example"))


class Removed(SynchronousTestCase):
    def test_hostile_fields_cost_little(self) -> None:
        """None of these takes longer than 20 ms; without the bounds some took 0.5 s."""
        name = b"Authentication-Results:"
        for fields_ in (
            (name + b" a.example; none\r\n") * 15_000,
            (name + b" b.example; none\r\n") * 15_000,
            (name + b"(" * 300 + b"a.example\r\n") * 1500,
            name + b"(" * 500_000 + b"\r\n",
            name + b"()" * 250_000 + b"a.example; none\r\n",
            name + b"\r\n " * 160_000 + b"\r\n",
            name + b' "' + b"\\a" * 250_000 + b"\r\n",
        ):
            begun = time.process_time()
            left = without_results_of(fields_ + b"To: x\r\n", HOSTS)
            self.assertLess(time.process_time() - begun, 0.1, fields_[:60])
            self.assertEqual(left, b"To: x\r\n")

    def test_bounds(self) -> None:
        header = b"Authentication-Results: b.example; none\r\n" * MOST_FIELDS
        self.assertEqual(without_results_of(header, HOSTS), header)
        self.assertEqual(without_results_of(header + header[:41] + b"A: 1\r\n", HOSTS), b"A: 1\r\n")
        header = b"Authentication-Results: b.example; " + b"x" * LONGEST_FIELD + b"\r\nA: 1\r\n"
        self.assertEqual(without_results_of(header, HOSTS), b"A: 1\r\n")

    def test_a_name_behind_many_comments(self) -> None:
        header = b"Authentication-Results: " + b"()" * 100 + b'"a\\.example"; none\r\n'
        self.assertEqual(without_results_of(header, HOSTS), b"")

    def test_fields_in_our_name(self) -> None:
        for value in (
            "mx.a.example; spf=pass",
            "MX.A.Example ; spf=pass",
            "mx.a.example",
            "mx.a.example. 1; none",
            " (x (y) \\) ) mx.a.example (z) 1; spf=pass",
            "\r\n\t(;)\r\n mx.a.example;\r\n spf=pass",
            '"mx.a.example"; spf=pass',
            '"mx.a\\.example"; spf=pass',
            "a.example; none",
            # values with a fault, which other programs may read as ours
            "(mx.a.example; spf=pass",
            "mx.a.example=1; spf=pass",
            "; mx.a.example; spf=pass",
            "mx.a.example/x; spf=pass",
        ):
            header = f"A: 1\r\nAuthentication-results: {value}\r\nB: 2\r\n".encode()
            self.assertEqual(without_results_of(header, HOSTS), b"A: 1\r\nB: 2\r\n", value)

    def test_a_name_in_u_labels(self) -> None:
        hosts = ("mx.xn--bcher-kva.example",)
        for name in ("mx.bücher.example", "MX.BÜCHER.example.", '"mx.bücher.example"'):
            header = f"Authentication-Results: {name}; spf=pass\r\n".encode()
            self.assertEqual(without_results_of(header, hosts), b"", name)
        header = "Authentication-Results: \udce4\u3002; spf=pass\r\n".encode("utf-8", "replace")
        self.assertEqual(without_results_of(header, hosts), header)

    def test_fields_of_others(self) -> None:
        for value in (
            "mx.b.example; spf=pass smtp.mailfrom=mx.a.example",
            "(mx.a.example) b.example; spf=pass",
            "xa.example; none",
            "b.example 1; none",
            "",
        ):
            header = f"A: 1\r\nAuthentication-Results: {value}\r\nB: 2\r\n".encode()
            self.assertIs(without_results_of(header, HOSTS), header)
        header = b"X-Authentication-Results: a.example; none\r\n"
        self.assertIs(without_results_of(header, HOSTS), header)

    def test_several(self) -> None:
        ours, other = b"Authentication-Results: a.example;x\r\n", b"Authentication-Results: b\r\n"
        self.assertEqual(without_results_of(ours + other + ours + ours, HOSTS), other)

    @given(st.text(alphabet='ab.;()"\\ \t', max_size=20))
    def test_any_value_is_read(self, value: str) -> None:
        identity = authserv_id(value)
        self.assertTrue(identity is None or len(identity) <= len(value))
