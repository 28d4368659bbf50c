"""The author's domain, and messages that have none."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.dmarc.author import NoAuthorDomain, author_domain


class Authors(SynchronousTestCase):
    def test_the_domain(self) -> None:
        for value, wanted in (
            ("ann@A.Example", "a.example"),
            ('"evil@b.example" <ann@a.example>', "a.example"),
            ("ann@a.example, Bob <bob@A.EXAMPLE>", "a.example"),
            ("ann@bücher.example", "xn--bcher-kva.example"),
            ("team: ann@a.example;", "a.example"),
        ):
            self.assertEqual(author_domain(f"From: {value}\r\n".encode()), wanted)

    def test_none(self) -> None:
        for header, reason in (
            ("To: x\r\n", "0 From fields"),
            ("From: a@b.example\r\nFrom: a@b.example\r\n", "2 From fields"),
            ("From: a@b.example, a@c.example\r\n", "several domains"),
            ("From: ann\r\n", "cannot be read: 'ann' is no address"),
            ("From: \r\n", "cannot be read: '' holds no address"),
            ("From: \u00e9\r\n", r"cannot be read: '\xe9' is no address"),
            ("From: a\x07\r\n", r"cannot be read: 'a\x07' holds control"),
            ("From: a@\tb\x85\r\n", "cannot be read"),
            ("From: <a@b.example> <a@c.example>\r\n", "cannot be read"),
            ("From: a@[192.0.2.1]\r\n", "no domain name"),
        ):
            error = self.assertRaises(NoAuthorDomain, author_domain, header.encode())
            self.assertIn(reason, str(error))
            self.assertTrue(str(error).isprintable() and str(error).isascii(), str(error))
