"""The commands of the client as scripts: EHLO, TLS, login, QUIT."""

from __future__ import annotations

import base64

from mailhost.message.status import Status
from mailhost.smtp.client.dialogue import NO_LOGIN
from mailhost.smtp.client.protocol import ConnectionBroken
from tests.smtp.client_talk import ClientCase


class Hello(ClientCase):
    def greet(self, script: str) -> Status | None:
        return self.successResultOf(self.run_script(self.dialogue.greet(), script))

    def test_what_is_offered(self) -> None:
        self.open_up("SIZE 1000", "pipelining", "AUTH PLAIN LOGIN", "X-ODD  a b ")
        self.assertEqual(
            {"SIZE": "1000", "PIPELINING": "", "AUTH": "PLAIN LOGIN", "X-ODD": "a b"},
            self.dialogue.offers,
        )
        self.assertEqual("there.example", self.dialogue.peer)

    def test_a_greeting_that_refuses(self) -> None:
        status = self.greet("S: 554 5.7.1 go away")
        self.assertEqual(Status(554, "5.7.1", "go away"), status)

    def test_a_greeting_without_sense(self) -> None:
        status = self.greet("S: 354 hm")
        assert status is not None
        self.assertTrue(status.temporary)

    def test_a_host_that_knows_no_ehlo(self) -> None:
        for code in (500, 502, 504):
            self.setUp()
            script = f"""
                S: 220 old
                C: EHLO us.example
                S: {code} what?
                C: HELO us.example
                S: 250 old.example"""
            self.assertIsNone(self.greet(script))
            self.assertEqual({}, self.dialogue.offers)

    def test_ehlo_refused(self) -> None:
        for line, code in (("450 4.7.1 wait", 450), ("550 5.7.1 no", 550)):
            self.setUp()
            status = self.greet(f"S: 220 hi\nC: EHLO us.example\nS: {line}")
            assert status is not None
            self.assertEqual(code, status.code)

    def test_421_is_the_end(self) -> None:
        for script in (
            "S: 421 4.3.2 busy",
            "S: 220 hi\nC: EHLO us.example\nS: 421 4.3.2 busy",
            "S: 220 hi\nC: EHLO us.example\nS: 502 no\nC: HELO us.example\nS: 421 4.3.2 busy",
        ):
            self.setUp()
            work = self.run_script(self.dialogue.greet(), script)
            broken = self.failureResultOf(work, ConnectionBroken).value
            self.assertEqual(Status(421, "4.3.2", "busy"), broken.status)
            self.assertTrue(self.wire.aborted)
            self.assertFalse(self.dialogue.alive)

    def test_a_host_that_says_nothing(self) -> None:
        for script in ("= wait 300", "S: 220 hi\nC: EHLO us.example\n= wait 300"):
            self.setUp()
            work = self.run_script(self.dialogue.greet(), script)
            self.assertIn("no reply", str(self.failureResultOf(work, ConnectionBroken).value))

    def test_goodbye(self) -> None:
        self.open_up()
        work = self.run_script(self.dialogue.quit(), "C: QUIT\nS: 221 bye")
        self.successResultOf(work)
        self.assertTrue(self.wire.disconnecting)

    def test_a_host_that_does_not_answer_goodbye(self) -> None:
        for end in ("= wait 10", "= lost", "S: junk"):
            self.setUp()
            self.open_up()
            self.successResultOf(self.run_script(self.dialogue.quit(), f"C: QUIT\n{end}"))
            self.assertFalse(self.dialogue.alive)


class TLS(ClientCase):
    def test_hello_again_afterwards(self) -> None:
        self.open_up("STARTTLS", "AUTH PLAIN")
        script = """
            C: STARTTLS
            S: 220 go
            = secure
            C: EHLO us.example
            S: 250-there.example
            S: 250 SIZE"""
        work = self.run_script(self.dialogue.secure(None), script)  # type: ignore[arg-type]
        self.assertIsNone(self.successResultOf(work))
        self.assertEqual({"SIZE": ""}, self.dialogue.offers)

    def test_a_refusal(self) -> None:
        self.open_up("STARTTLS")
        script = "C: STARTTLS\nS: 454 4.7.0 not now"
        work = self.run_script(self.dialogue.secure(None), script)  # type: ignore[arg-type]
        self.assertEqual(Status(454, "4.7.0", "not now"), self.successResultOf(work))
        self.assertEqual(0, self.wire.handshakes)

    def test_injected_replies_break_it(self) -> None:
        self.open_up("STARTTLS")
        script = "C: STARTTLS\nS| 220 go\\r\\n250 injected\\r\\n"
        work = self.run_script(self.dialogue.secure(None), script)  # type: ignore[arg-type]
        self.assertIn(
            "reply to no command", str(self.failureResultOf(work, ConnectionBroken).value)
        )


class Login(ClientCase):
    def log_in(self, script: str) -> Status | None:
        work = self.dialogue.log_in("ann", "secret")
        return self.successResultOf(self.run_script(work, script))

    def test_plain_over_tls(self) -> None:
        self.open_up("AUTH LOGIN PLAIN")
        self.client.secure = True
        initial = base64.b64encode(b"\0ann\0secret").decode()
        self.assertIsNone(self.log_in(f"C: AUTH PLAIN {initial}\nS: 235 2.7.0 welcome"))

    def test_login_over_tls(self) -> None:
        self.open_up("AUTH LOGIN")
        self.client.secure = True
        script = """
            C: AUTH LOGIN
            S: 334 VXNlcm5hbWU6
            C: YW5u
            S: 334 UGFzc3dvcmQ6
            C: c2VjcmV0
            S: 235 2.7.0 welcome"""
        self.assertIsNone(self.log_in(script))

    def test_no_password_in_the_clear(self) -> None:
        self.open_up("AUTH LOGIN PLAIN")
        self.assertEqual(NO_LOGIN, self.log_in(""))

    def test_a_password_in_the_clear_where_the_caller_allows_it(self) -> None:
        self.open_up("AUTH PLAIN")
        initial = base64.b64encode(b"\0ann\0secret").decode()
        work = self.dialogue.log_in("ann", "secret", in_clear=True)
        script = f"C: AUTH PLAIN {initial}\nS: 235 2.7.0 welcome"
        self.assertIsNone(self.successResultOf(self.run_script(work, script)))

    def test_a_wrong_password(self) -> None:
        self.open_up("AUTH PLAIN")
        self.client.secure = True
        initial = base64.b64encode(b"\0ann\0secret").decode()
        status = self.log_in(f"C: AUTH PLAIN {initial}\nS: 535 5.7.8 wrong")
        self.assertEqual(Status(535, "5.7.8", "wrong"), status)

    def test_challenges_without_sense_or_end(self) -> None:
        endless = "\n".join(["S: 334 VXNlcm5hbWU6\nC: YW5u", "S: 334 UGFzc3dvcmQ6\nC: c2VjcmV0"])
        for script in ("S: 334 !!!", "S: 334 caf\u00e9", endless + "\nS: 334 VXNlcm5hbWU6"):
            self.setUp()
            self.open_up("AUTH LOGIN")
            self.client.secure = True
            work = self.dialogue.log_in("ann", "secret")
            done = self.run_script(work, f"C: AUTH LOGIN\n{script}")
            self.assertIn("login: ", str(self.failureResultOf(done, ConnectionBroken).value))
            self.assertTrue(self.wire.aborted)
