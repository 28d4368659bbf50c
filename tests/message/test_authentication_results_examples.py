"""The examples of RFC 8601 appendix B, and our field as the library authres reads it."""

from __future__ import annotations

import authres
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.authentication_results import (
    MethodResult,
    authserv_id,
    results_field,
    without_results_of,
)

# the value of the field, and the name of the host that wrote it
EXAMPLES = (
    ("example.org 1; none", "example.org"),
    ("example.com;\r\n          spf=pass smtp.mailfrom=example.net", "example.com"),
    (
        "example.com;\r\n          auth=pass (cram-md5) smtp.auth=sender@example.net;\r\n"
        "          spf=pass smtp.mailfrom=example.net",
        "example.com",
    ),
    ("example.com; iprev=pass\r\n            policy.iprev=192.0.2.200", "example.com"),
    (
        "example.com;\r\n          dkim=pass (good signature) header.d=example.com",
        "example.com",
    ),
    (
        'example.com;\r\n      dkim=pass reason="good signature"\r\n'
        "        header.i=@mail-router.example.net;\r\n"
        '      dkim=fail reason="bad signature"\r\n        header.i=@newyork.example.com',
        "example.com",
    ),
    (
        "foo.example.net (foobar) 1 (baz);\r\n    dkim (Because I like it) / 1 (One yay) ="
        " (wait for it) fail\r\n      policy (A dot can go here) . (like that) expired\r\n"
        "      (this surprised me) = (as I wasn't expecting it) 1362471462",
        "foo.example.net",
    ),
)


class Examples(SynchronousTestCase):
    def test_the_host_that_wrote_them(self) -> None:
        for value, host in EXAMPLES:
            self.assertEqual(authserv_id(value), host, value)

    def test_they_are_removed_at_that_host_alone(self) -> None:
        for value, host in EXAMPLES:
            header = f"Authentication-Results: {value}\r\nSubject: x\r\n".encode()
            self.assertEqual(without_results_of(header, [host]), b"Subject: x\r\n")
            self.assertIs(without_results_of(header, ["example"]), header)


class ReadByAuthres(SynchronousTestCase):
    def test_our_field(self) -> None:
        field = results_field(
            "mx.example.com",
            [
                MethodResult("iprev", "pass", [("policy.iprev", "192.0.2.200")]),
                MethodResult("spf", "pass", [("smtp.mailfrom", "ann@example.net")]),
                MethodResult("spf", "none", [("smtp.helo", "mx.example.net")]),
                MethodResult(
                    "dkim",
                    "fail",
                    [("header.d", "example.net"), ("header.b", "a+b/c=")],
                    "the body has changed",
                ),
                MethodResult("dmarc", "pass", [("header.from", "example.net")]),
            ],
        ).decode()
        found = authres.AuthenticationResultsHeader.parse(field.replace("\r\n", " ").strip())
        self.assertEqual(found.authserv_id, "mx.example.com")
        self.assertEqual(
            [(each.method, each.result) for each in found.results],
            [
                ("iprev", "pass"),
                ("spf", "pass"),
                ("spf", "none"),
                ("dkim", "fail"),
                ("dmarc", "pass"),
            ],
        )
        properties = [(each.type, each.name, each.value) for each in found.results[3].properties]
        self.assertEqual(properties, [("header", "d", "example.net"), ("header", "b", "a+b/c=")])
        self.assertEqual(found.results[3].reason, "the body has changed")
