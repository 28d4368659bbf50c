"""LOGIN, AUTHENTICATE, ENABLE, ID, COMPRESS, and commands that have no arguments."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.imap.grammar.commands_session import (
    Authenticate,
    Capability,
    Compress,
    Enable,
    Id,
    Idle,
    Login,
    Logout,
    Namespace,
    Noop,
    StartTls,
)
from tests.imap.grammar.reading import fault, parsed


class SessionCommandTests(SynchronousTestCase):
    def test_no_arguments(self) -> None:
        for text, command in (
            (b"CAPABILITY", Capability()),
            (b"noop", Noop()),
            (b"Logout", Logout()),
            (b"STARTTLS", StartTls()),
            (b"IDLE", Idle()),
            (b"NAMESPACE", Namespace()),
        ):
            self.assertEqual(command, parsed(text))
            self.assertEqual(command, parsed(text + b"  "))
            fault(text + b" x")

    def test_login(self) -> None:
        for text in (b"ann secret", b'"ann" "secret"', b"{3}\r\nann {6+}\r\nsecret"):
            self.assertEqual(Login(b"ann", b"secret"), parsed(b"LOGIN " + text))
        self.assertEqual(Login(b"a]", "ü".encode()), parsed('LOGIN a] "ü"'.encode()))
        for text in (b"", b" ann", b" ann ", b" ann a b", b" ann (a)"):
            fault(b"LOGIN" + text)

    def test_no_password_is_shown(self) -> None:
        self.assertNotIn("secret", repr(parsed(b"LOGIN ann secret")))
        self.assertNotIn("AGE=", repr(parsed(b"AUTHENTICATE PLAIN AGE=")))

    def test_authenticate(self) -> None:
        for text, initial in ((b"", b""), (b" =", b"="), (b" AGFubgBz", b"AGFubgBz")):
            found = parsed(b"AUTHENTICATE scram-sha-256-plus" + text)
            self.assertEqual(Authenticate(b"SCRAM-SHA-256-PLUS", initial), found)
        for text in (b"", b" ", b" PLAIN ", b" PLAIN *", b" PLAIN a b"):
            fault(b"AUTHENTICATE" + text + b" (")

    def test_enable(self) -> None:
        found = parsed(b"ENABLE condstore UTF8=accept IMAP4rev2")
        self.assertEqual(Enable(("CONDSTORE", "UTF8=ACCEPT", "IMAP4REV2")), found)
        fault(b"ENABLE")

    def test_id(self) -> None:
        self.assertEqual(Id(()), parsed(b"ID NIL"))
        self.assertEqual(Id(()), parsed(b"ID ()"))
        found = parsed(b'ID ("Name" "iPhone Mail" "version" NIL "os" {3}\r\niOS)')
        self.assertEqual(Id((("name", "iPhone Mail"), ("version", None), ("os", "iOS"))), found)
        for text in (
            b"ID",
            b'ID ("name")',
            b'ID ("a" "b" "c")',
            b"ID (" + b" ".join([b'"a" "b"'] * 31) + b")",
            b'ID ("%b" "b")' % (b"a" * 31),
            b'ID ("a" "%b")' % (b"b" * 1025),
        ):
            fault(text)

    def test_compress(self) -> None:
        self.assertEqual(Compress("DEFLATE"), parsed(b"COMPRESS deflate"))
        fault(b"COMPRESS")
