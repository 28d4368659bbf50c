"""The parsing of HELO, MAIL, RCPT and BDAT, and the refusals of wrong syntax."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.address import Address
from mailhost.message.envelope import Body, Notify, Return
from mailhost.smtp.client.sending import encode_xtext, mail_command, rcpt_command
from mailhost.smtp.server.command import (
    BadCommand,
    Chunk,
    parse_chunk,
    parse_hello,
    parse_mail,
    parse_rcpt,
)
from mailhost.smtp.server.options import LONGEST_COMMAND_LINE


class CommandCase(SynchronousTestCase):
    def refusal_of_mail(self, arguments: str) -> str:
        status = self.assertRaises(BadCommand, parse_mail, arguments.encode()).status
        return f"{status.code} {status.enhanced}"

    def refusal_of_rcpt(self, arguments: str, smtputf8: bool = False) -> str:
        status = self.assertRaises(BadCommand, parse_rcpt, arguments.encode(), smtputf8).status
        return f"{status.code} {status.enhanced}"

    def sender(self, arguments: str) -> str:
        return str(parse_mail(arguments.encode()).reverse_path)

    def recipient(self, arguments: str) -> str:
        return str(parse_rcpt(arguments.encode(), False).address)


class PathTests(CommandCase):
    def test_forms(self) -> None:
        for path, address in (
            ("<a@example.net>", "a@example.net"),
            ("<A.B+c@Example.NET>", "A.B+c@example.net"),
            ('<"a b"@example.net>', '"a b"@example.net'),
            (r'<"a\"b>c"@example.net>', r'"a\"b>c"@example.net'),
            ('<"x@y:z"@example.net>', '"x@y:z"@example.net'),
            ("<a@[192.0.2.1]>", "a@[192.0.2.1]"),
            ("<a@[IPv6:2001:db8::1]>", "a@[IPv6:2001:db8::1]"),
            ("<a@[ipv6:2001:DB8:0::1]>", "a@[IPv6:2001:db8::1]"),
            ("<a@xn--bcher-kva.example>", "a@xn--bcher-kva.example"),
        ):
            self.assertEqual(self.sender(f"FROM:{path}"), address)
            self.assertEqual(self.recipient(f"TO:{path}"), address)

    def test_addresses_of_other_hosts_are_kept_as_written(self) -> None:
        for local in (
            "user+caf_=website_8b506e99b9f1c04d5fe2e9d1d8c2a3f4e5b60718=mail.jam.example",
            "try..this-is.0511",
            "abc.",
            ".abc",
            "...",
            '"try..this"',
            "a" * 640,
            f'"{"a " * 319}"',
            "Bounce+" + "x.=-" * 150,
        ):
            self.assertEqual(self.sender(f"FROM:<{local}@Example.net>"), f"{local}@example.net")
            self.assertEqual(self.recipient(f"TO:<{local}@example.net>"), f"{local}@example.net")
        text = "<ü..ü.@example.net>"
        self.assertEqual(str(parse_rcpt(f"TO:{text}".encode(), True).address), text[1:-1])

    def test_the_longest_paths_fit_a_command_line(self) -> None:
        path = "+" * 640 + "@" + ".".join(["x" * 63] * 4)
        command = f"RCPT TO:<{path}> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;"
        command += encode_xtext(path)
        self.assertLess(len(command), LONGEST_COMMAND_LINE)
        taken = parse_rcpt(command.removeprefix("RCPT ").encode(), False)
        self.assertEqual(taken.original, f"rfc822;{path}")
        sent = rcpt_command(taken, {"DSN": ""}).decode()
        self.assertEqual(sent, command[: command.index(" ORCPT")])

    def test_source_routes_are_passed_over(self) -> None:
        for route in ("@a.example:", "@a.example,@b.example:", "@[192.0.2.1]:", "@[IPv6:::1]:"):
            for address in ("c@example.net", '"x@y:z"@example.net', "c@[IPv6:2001:db8::1]"):
                self.assertEqual(self.recipient(f"TO:<{route}{address}>"), address)
                self.assertEqual(self.sender(f"FROM:<{route}{address}>"), address)

    def test_bad_source_routes(self) -> None:
        for path in ("@a.example", "@a.example:", "@:c@d", "@a@b:c@d", "@a:b:c@d", "a.example:c@d"):
            self.assertEqual(self.refusal_of_rcpt(f"TO:<{path}>"), "501 5.1.3")

    def test_spaces_that_clients_send(self) -> None:
        self.assertEqual(self.sender("FROM: <a@example.net> "), "a@example.net")
        self.assertEqual(self.sender("from:<a@example.net>  SIZE=1  "), "a@example.net")
        self.assertEqual(self.recipient("to:  <a@example.net>"), "a@example.net")

    def test_null_reverse_path(self) -> None:
        self.assertIsNone(parse_mail(b"FROM:<>").reverse_path)
        self.assertEqual(self.refusal_of_rcpt("TO:<>"), "501 5.1.3")

    def test_postmaster(self) -> None:
        for word in ("postmaster", "Postmaster", "POSTMASTER"):
            path = parse_rcpt(f"TO:<{word}>".encode(), False)
            self.assertEqual(path.address, Address("postmaster", ""))
        self.assertEqual(self.refusal_of_rcpt("TO:<webmaster>"), "501 5.1.3")
        self.assertEqual(self.refusal_of_mail("FROM:<postmaster>"), "501 5.1.7")

    def test_bad_paths(self) -> None:
        for path in (
            "",
            "a@example.net",
            "<a@example.net",
            "a@example.net>",
            "<a>",
            "<@example.net>",
            "<a@>",
            "<a@b@example.net>",
            "<a b@example.net>",
            "<a@example..net>",
            "<a@-example.net>",
            "<a@[300.1.1.1]>",
            "<a@[IPv6:zz]>",
            '<"a@example.net>',
            '<"a"b@example.net>',
            "<<a@example.net>>",
            "<a@example.net>SIZE=1",
            f"<{'a' * 641}@example.net>",
            f'<"{"a" * 639}"@example.net>',
            "<@example.net>",
            "<a..b>",
            '<"a"..b@example.net>',
            "<a. .b@example.net>",
            f"<a@{'b' * 64}.net>",
            f"<a@{'b.' * 150}net>",
            "<a\t@example.net>",
        ):
            self.assertEqual(self.refusal_of_mail(f"FROM:{path}"), "501 5.1.7", path)
            self.assertEqual(self.refusal_of_rcpt(f"TO:{path}"), "501 5.1.3", path)
        self.assertEqual(self.refusal_of_mail("TO:<a@example.net>"), "501 5.1.7")

    def test_smtputf8(self) -> None:
        for path in ("<ü@example.net>", "<a@bücher.example>"):
            self.assertEqual(self.refusal_of_mail(f"FROM:{path}"), "553 5.6.7")
            self.assertEqual(self.refusal_of_rcpt(f"TO:{path}"), "553 5.6.7")
            self.assertTrue(parse_mail(f"FROM:{path} SMTPUTF8".encode()).smtputf8)
            parse_rcpt(f"TO:{path}".encode(), True)
        address = parse_rcpt("TO:<Ü@BÜCHER.example>".encode(), True).address
        self.assertEqual(address, Address("Ü", "xn--bcher-kva.example"))
        for letter in ("\x80", "\x85", "\x9b", "\u2028", "\u2029"):
            arguments = f"FROM:<a{letter}@example.net> SMTPUTF8"
            self.assertEqual(self.refusal_of_mail(arguments), "501 5.1.7", repr(letter))
        self.assertTrue(parse_mail("FROM:<a\u200d@example.net> SMTPUTF8".encode()).smtputf8)
        broken = self.assertRaises(BadCommand, parse_mail, b"FROM:<\xff@example.net> SMTPUTF8")
        self.assertEqual(broken.status.code, 501)


class ParameterTests(CommandCase):
    def test_of_mail(self) -> None:
        envelope = parse_mail(
            b"FROM:<a@example.net> size=00123 Body=BINARYMIME smtputf8 ret=full ENVID=a+20b "
            b"AUTH=c+40example.net"
        )
        self.assertEqual((envelope.size, envelope.body), (123, Body.BINARY))
        self.assertEqual((envelope.smtputf8, envelope.returns), (True, Return.FULL))
        self.assertEqual(envelope.envelope_id, "a b")

    def test_of_rcpt(self) -> None:
        for text, notify in (
            ("NEVER", Notify.NEVER),
            ("success", Notify.SUCCESS),
            ("FAILURE,DELAY", Notify.FAILURE | Notify.DELAY),
            ("SUCCESS,FAILURE,DELAY", Notify.SUCCESS | Notify.FAILURE | Notify.DELAY),
        ):
            path = parse_rcpt(f"TO:<a@example.net> NOTIFY={text}".encode(), False)
            self.assertEqual(path.notify, notify)
        self.assertIsNone(parse_rcpt(b"TO:<a@example.net>", False).notify)

    def test_bad_values(self) -> None:
        for parameter in (
            "SIZE",
            "SIZE=",
            "SIZE=x",
            "SIZE=-1",
            "SIZE=" + "9" * 21,
            "BODY",
            "BODY=9BIT",
            "RET=SOME",
            "ENVID",
            "ENVID=\u00fc",
            "ENVID=" + "x" * 101,
            "SMTPUTF8=yes",
            "=1",
            "SIZE=1=2",
            "-X=1",
            "SIZE=1 SIZE=1",
            "SIZE=1 size=2",
            "X\u00fc=1",
        ):
            self.assertEqual(
                self.refusal_of_mail(f"FROM:<a@example.net> {parameter}"), "501 5.5.4", parameter
            )
        for parameter in (
            "NOTIFY",
            "NOTIFY=",
            "NOTIFY=SOMETIMES",
            "NOTIFY=NEVER,FAILURE",
            "NOTIFY=SUCCESS,",
            "ORCPT",
            "ORCPT=rfc822",
            "ORCPT=rfc822;",
            "ORCPT=rfc822;a b",
            "ORCPT=rfc822;" + "x" * 1001,
        ):
            code = self.refusal_of_rcpt(f"TO:<a@example.net> {parameter}")
            self.assertIn(code, ("501 5.5.4", "555 5.5.4"), parameter)

    def test_unknown(self) -> None:
        for parameter in ("X-FOO", "HOLDFOR=60", "MT-PRIORITY=3", "NOTIFY=NEVER"):
            self.assertEqual(self.refusal_of_mail(f"FROM:<a@example.net> {parameter}"), "555 5.5.4")
        for parameter in ("X-FOO=1", "SIZE=1", "SMTPUTF8"):
            self.assertEqual(self.refusal_of_rcpt(f"TO:<a@example.net> {parameter}"), "555 5.5.4")

    def test_orcpt_in_utf8_needs_smtputf8(self) -> None:
        arguments = "TO:<a@example.net> ORCPT=utf-8;ü@example.net"
        self.assertEqual(self.refusal_of_rcpt(arguments), "553 5.6.7")
        path = parse_rcpt(arguments.encode(), True)
        self.assertEqual(path.original, "utf-8;ü@example.net")
        path = parse_rcpt(rb"TO:<a@example.net> ORCPT=utf-8;\x{FC}@example.net", False)
        self.assertEqual(path.original, "utf-8;ü@example.net")

    def test_values_that_are_not_encoded(self) -> None:
        envelope = parse_mail(b"FROM:<a@example.net> ENVID=a+x=b AUTH=ann+x=y@example.net")
        self.assertEqual(envelope.envelope_id, "a+x=b")
        self.assertIn(b" ENVID=a+2Bx+3Db", mail_command(envelope, {"DSN": ""}, 0, False))
        for text in ("AUTH", "AUTH=+0", "AUTH=<>"):
            parse_mail(f"FROM:<a@example.net> {text}".encode())


class OtherTests(CommandCase):
    def test_chunk(self) -> None:
        for arguments, chunk in (
            (b"0", Chunk(0, last=False)),
            (b"12 LAST", Chunk(12, last=True)),
            (b"12  last ", Chunk(12, last=True)),
        ):
            self.assertEqual(parse_chunk(arguments), chunk)
        for arguments in (b"", b"x", b"1x", b"+1", b"1 LAST LAST", b"1LAST", b"\xb2", b"1\n"):
            self.assertRaises(BadCommand, parse_chunk, arguments)

    def test_hello(self) -> None:
        for name in (b"client.example", b"[192.0.2.1]", b"[IPv6:::1]", b"_odd_", b"localhost"):
            self.assertEqual(parse_hello(b"EHLO", name, False), name.decode())
        for name in (b"", b"a b", b"a\tb", b"\x7f", b"x" * 256):
            self.assertRaises(BadCommand, parse_hello, b"EHLO", name, False)
        parse_hello(b"LHLO", b"x", True)
        self.assertRaises(BadCommand, parse_hello, b"LHLO", b"x", False)
        self.assertRaises(BadCommand, parse_hello, b"EHLO", b"x", True)

    @settings(deadline=None)
    @given(st.binary(max_size=200) | st.text('<>@:,"\\[].=+;a\u00fc ').map(str.encode))
    def test_any_octets_are_read_or_refused(self, octets: bytes) -> None:
        for prefix in (b"", b"FROM:<", b"TO:<", b"FROM:<a@b> ", b"TO:<a@b> ", b"TO:<a@b> ORCPT="):
            for read in (
                parse_mail,
                parse_chunk,
                lambda text: parse_rcpt(text, smtputf8=True),
                lambda text: parse_rcpt(text, smtputf8=False),
                lambda text: parse_hello(b"EHLO", text, lmtp=False),
            ):
                try:
                    read(prefix + octets)
                except BadCommand as bad:
                    self.assertGreaterEqual(bad.status.code, 421)
                    self.assertTrue(bad.status.text.isprintable())
