"""AUTH through the proxy: the server decides, and the proxy learns the name of the user."""

from __future__ import annotations

import base64

from mailhost.config.model import LoginSettings
from mailhost.interfaces.events import LoggedIn, LoginRefused
from mailhost.message.address import Address
from mailhost.proxy.auth import account_address, user_in_response
from tests.proxy.fake_upstream import LOST, OFFERS
from tests.proxy.talking import ENVELOPE, TLS, Caller, ProxyCase

REFUSED = "535 5.7.8 go away"


def coded(text: str) -> str:
    """In base64."""
    return base64.b64encode(text.encode()).decode()


RIGHT = f"AUTH PLAIN {coded(chr(0) + 'ann' + chr(0) + 'secret')}"
WRONG = f"AUTH PLAIN {coded(chr(0) + 'ann' + chr(0) + 'wrong')}"


class LoginCase(ProxyCase):
    """The server knows ann with the password secret."""

    def setUp(self) -> None:
        super().setUp()
        self.first.offers = (*OFFERS, "AUTH PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS EXTERNAL")

    def secure(self) -> Caller:
        """Return a client that has sent EHLO over TLS."""
        caller = self.caller(tls=TLS)
        self.first.take()
        return caller


class OfferedTests(LoginCase):
    """The mechanisms that are offered to clients."""

    def test_what_the_server_offers_but_for_what_is_bound_to_its_connection(self) -> None:
        offered = self.connect(tls=TLS).hello()
        self.assertIn("AUTH PLAIN LOGIN SCRAM-SHA-256", offered)

    def test_no_passwords_in_the_clear(self) -> None:
        self.assertIn("AUTH SCRAM-SHA-256", self.connect().hello())
        self.assertIn("AUTH SCRAM-SHA-256", self.connect(ip="127.0.0.1").hello())
        caller = self.caller()
        self.assertEqual(caller.say(RIGHT)[0][:3], "504")
        self.assertEqual([each for each in self.first.said if "AUTH" in each], [])

    def test_passwords_in_the_clear_on_this_machine_where_the_settings_say_so(self) -> None:
        self.make(plaintext_on_loopback=True)
        self.assertIn("AUTH PLAIN LOGIN SCRAM-SHA-256", self.connect(ip="127.0.0.1").hello())
        self.assertIn("AUTH SCRAM-SHA-256", self.connect().hello())

    def test_a_server_without_logins(self) -> None:
        self.first.offers = OFFERS
        caller = self.connect(tls=TLS)
        self.assertEqual([each for each in caller.hello() if each.startswith("AUTH")], [])
        self.assertEqual(caller.say(RIGHT)[0][:3], "538")

    def test_no_login_before_hello(self) -> None:
        self.assertEqual(self.connect(tls=TLS).say(RIGHT)[0][:3], "503")


class ExchangeTests(LoginCase):
    """The lines of an exchange in both directions."""

    def test_plain(self) -> None:
        caller = self.secure()
        self.assertEqual(caller.say(RIGHT)[0][:9], "235 2.7.0")
        self.assertEqual(self.first.take(), [RIGHT])
        [logged] = self.events.of(LoggedIn)
        self.assertEqual((str(logged.account), logged.mechanism), ("ann", "PLAIN"))
        self.assertEqual(caller.send()[-1][:3], "250")

    def test_plain_in_two_steps(self) -> None:
        caller = self.secure()
        self.assertEqual(caller.say("auth plain"), ["334 "])
        self.assertEqual(caller.say(RIGHT.split(" ")[2])[0][:3], "235")
        self.assertEqual(self.first.take(), ["AUTH PLAIN", RIGHT.split(" ")[2]])

    def test_login(self) -> None:
        caller = self.secure()
        self.assertEqual(caller.say("AUTH LOGIN"), [f"334 {coded('Username:')}"])
        self.assertEqual(caller.say(coded("ann")), [f"334 {coded('Password:')}"])
        self.assertEqual(caller.say(coded("secret"))[0][:3], "235")
        self.assertEqual(str(self.events.of(LoggedIn)[0].account), "ann")

    def test_login_with_the_name_at_once(self) -> None:
        caller = self.secure()
        self.assertEqual(caller.say(f"AUTH LOGIN {coded('ann')}"), [f"334 {coded('Password:')}"])
        self.assertEqual(caller.say(coded("secret"))[0][:3], "235")

    def test_an_empty_initial_response_stays_one(self) -> None:
        self.first.replies["AUTH"] = "535 5.7.8 who are you?"
        self.assertEqual(self.secure().say("AUTH PLAIN ="), ["535 5.7.8 who are you?"])
        self.assertEqual(self.first.take(), ["AUTH PLAIN ="])

    def test_a_refusal_has_the_servers_text(self) -> None:
        caller = self.secure()
        self.assertEqual(caller.say(WRONG), [REFUSED])
        self.assertEqual(caller.say("AUTH LOGIN", coded("ann"), coded("wrong"))[-1], REFUSED)
        self.assertEqual(self.events.of(LoggedIn), [])
        self.assertEqual(caller.say(RIGHT)[0][:3], "235")

    def test_a_transaction_that_the_client_left_is_no_obstacle(self) -> None:
        """The server must get RSET, or it would reply 503."""
        caller = self.secure()
        caller.say(*ENVELOPE)
        self.assertEqual(caller.say("RSET")[0][:3], "250")
        self.first.take()
        self.assertEqual(caller.say(RIGHT)[0][:3], "235")
        self.assertEqual(self.first.take(), ["RSET", RIGHT])
        self.assertEqual(caller.send()[-1][:3], "250")

    def test_a_transaction_that_the_server_does_not_forget(self) -> None:
        caller = self.secure()
        caller.say(*ENVELOPE)
        caller.say("RSET")
        self.first.replies["RSET"] = "451 4.3.0 not now"
        self.assertEqual(caller.say(RIGHT)[0][:9], "421 4.4.2")

    def test_other_refusals_too(self) -> None:
        for reply in (
            "454 4.7.0 the directory is away",
            "534 5.7.9 too weak",
            "530 5.7.0 not you",
            "500 5.5.6 too long",
        ):
            self.first.replies["AUTH"] = reply
            self.assertEqual(self.secure().say(RIGHT), [reply])

    def test_an_invalid_reply_is_no_login(self) -> None:
        self.first.replies["AUTH"] = "354 go on"
        self.assertEqual(self.secure().say(RIGHT)[0][:9], "451 4.5.0")

    def test_an_invalid_challenge(self) -> None:
        self.first.replies["AUTH PLAIN"] = "334 what is your name?"
        caller = self.secure()
        self.assertEqual(caller.say("AUTH PLAIN")[0][:9], "454 4.7.0")
        self.assertEqual(caller.say(RIGHT)[0][:3], "235")
        self.assertEqual(self.first.take(), ["AUTH PLAIN", "*", RIGHT])

    def test_the_client_gives_up_half_way(self) -> None:
        caller = self.secure()
        caller.say("AUTH LOGIN")
        self.assertEqual(caller.say("*")[0][:3], "501")
        self.assertEqual(caller.send()[-1][:3], "250")
        self.assertEqual(self.first.take()[:3], ["AUTH LOGIN", "*", ENVELOPE[0]])
        caller.send()
        self.assertNotIn("*", self.first.take())

    def test_the_client_goes_half_way(self) -> None:
        caller = self.secure()
        caller.say("AUTH LOGIN")
        caller.go()
        self.net.turn()
        self.assertEqual(self.first.open, 0)

    def test_the_server_goes_away(self) -> None:
        self.first.replies["AUTH"] = LOST
        caller = self.secure()
        self.assertEqual(caller.say(RIGHT)[0][:9], "421 4.4.2")
        self.assertTrue(caller.wire.hung_up)

    def test_the_server_goes_away_half_way(self) -> None:
        caller = self.secure()
        caller.say("AUTH LOGIN")
        self.first.last.lose()
        self.assertEqual(caller.say(coded("ann"))[0][:9], "421 4.4.2")

    def test_the_server_says_421(self) -> None:
        self.first.replies["AUTH"] = "421 4.7.0 too many of you"
        self.assertEqual(self.secure().say(RIGHT), ["421 4.7.0 too many of you"])

    def test_a_slow_server(self) -> None:
        self.first.replies["AUTH"] = None
        caller = self.secure()
        self.assertEqual(caller.say(RIGHT), [])
        self.assertEqual(caller.wait(119), [])
        self.assertEqual(caller.wait(2)[0][:9], "421 4.4.2")


class GuardedTests(LoginCase):
    """Failed logins count as on other listeners: they are delayed, then refused without a
    question."""

    def guesses(self, count: int, caller: Caller) -> list[str]:
        return [caller.say(WRONG)[0][:9] for _ in range(count)]

    def test_beyond_the_limit_the_server_is_not_asked(self) -> None:
        caller = self.secure()
        self.assertEqual(self.guesses(10, caller), [REFUSED[:9]] * 10)
        self.first.take()
        self.assertEqual(caller.say(RIGHT)[0][:9], "421 4.7.0")
        self.assertTrue(caller.wire.hung_up)
        self.assertEqual([each for each in self.first.take() if "AUTH" in each], [])
        self.assertEqual(self.secure().say(RIGHT)[0][:9], "421 4.7.0")
        other = self.caller(tls=TLS, ip="192.0.2.78")
        self.assertEqual(other.say(RIGHT)[0][:3], "235")

    def test_each_is_logged_without_what_may_be_a_password(self) -> None:
        self.guesses(2, self.secure())
        first, second = self.events.of(LoginRefused)
        self.assertEqual((first.failures, second.failures), (1, 2))
        self.assertEqual((first.username, str(first.status)), ("", REFUSED))
        self.secure().say(RIGHT)
        self.guesses(1, self.secure())
        refused = self.events.of(LoginRefused)[-1]
        self.assertEqual(("ann", "PLAIN"), (refused.username, refused.mechanism))

    def test_failed_logins_are_answered_late(self) -> None:
        self.guard.reconfigure(LoginSettings(delay=2.0))
        caller = self.secure()
        self.assertEqual(caller.say(WRONG), [])
        self.assertEqual(caller.wait(1.9), [])
        self.assertEqual(caller.wait(0.2), [REFUSED])

    def test_success_forgives(self) -> None:
        caller = self.secure()
        self.guesses(9, caller)
        self.assertEqual(caller.say(RIGHT)[0][:3], "235")
        again = self.secure()
        self.assertEqual(self.guesses(9, again), [REFUSED[:9]] * 9)

    def test_every_step_of_an_exchange_counts_once(self) -> None:
        caller = self.secure()
        for _ in range(5):
            caller.say("AUTH LOGIN", coded("ann"), coded("wrong"))
        self.assertEqual(self.events.of(LoginRefused)[-1].failures, 5)

    def test_a_refusal_that_is_no_guess_is_logged_and_not_counted(self) -> None:
        for reply in ("454 4.7.0 the directory is away", "504 5.5.4 not this one", LOST):
            self.first.replies["AUTH"] = reply
            self.secure().say(RIGHT)
        refused = self.events.of(LoginRefused)
        self.assertEqual([each.failures for each in refused], [0, 0, 0])

    def test_many_connections_get_no_more_guesses(self) -> None:
        self.first.replies["AUTH"] = None
        callers = [self.secure() for _ in range(20)]
        for caller in callers:
            caller.say(WRONG)
        self.assertEqual(len([each for each in self.first.said if "AUTH" in each]), 10)
        for caller in callers:
            caller.go()
        self.assertEqual(self.guard._failures._undecided, {})

    def test_a_client_that_leaves_before_its_turn_logs_no_other_client_in(self) -> None:
        self.guard.reconfigure(LoginSettings(failures=1, delay=0.0))
        self.first.replies["AUTH"] = None
        others = self.secure()
        others.say(WRONG)
        waiting = self.secure()
        self.assertEqual(waiting.say(RIGHT), [])
        waiting.go()
        stranger = self.caller(tls=TLS, ip="192.0.2.78")
        del self.first.replies["AUTH"]
        others.go()
        self.assertEqual([each for each in self.first.take() if "AUTH" in each], [])
        self.assertEqual(stranger.say(RIGHT)[0][:3], "235")  # not 503: logged in already
        self.assertEqual(self.guard._failures._undecided, {})


class LoggedInTests(LoginCase):
    """A connection over which a user logged in serves no other client."""

    def test_it_is_not_made_anew(self) -> None:
        caller = self.secure()
        caller.say(RIGHT)
        self.first.last.lose()
        self.assertEqual(caller.say(ENVELOPE[0])[0][:9], "421 4.4.2")
        self.assertEqual(len(self.first.links), 1)

    def test_it_serves_no_other_client(self) -> None:
        caller = self.secure()
        caller.say(RIGHT)
        caller.send()
        caller.go()
        self.assertEqual(self.first.open, 0)
        self.assertEqual(self.first.said[-1], "QUIT")

    def test_a_success_with_another_code_is_one(self) -> None:
        self.first.replies["AUTH"] = "250 2.7.0 come in"
        caller = self.secure()
        self.assertEqual(caller.say(RIGHT)[0][:3], "235")
        caller.go()
        self.assertEqual(self.first.open, 0)

    def test_another_hello_keeps_the_login(self) -> None:
        caller = self.secure()
        caller.say(RIGHT)
        self.assertIn("PIPELINING", caller.hello())
        self.assertEqual(caller.send()[-1][:3], "250")
        self.assertEqual(len(self.first.links), 1)

    def test_a_hello_after_starttls_leaves_the_login_behind(self) -> None:
        caller = self.secure()
        caller.say(RIGHT)
        link = self.first.last
        caller.session.secured(TLS)  # whoever shakes hands again must log in again
        caller.hello()
        self.net.turn()
        self.assertTrue(link.over)
        self.assertEqual((len(self.first.links), self.first.open), (2, 1))

    def test_after_a_refused_login_no_other_client_gets_the_connection(self) -> None:
        caller = self.secure()
        caller.say(WRONG)
        caller.go()
        self.secure()
        self.assertEqual(len(self.first.links), 2)


class NameTests(LoginCase):
    """The name of the user, as far as the proxy can read it."""

    def test_names_in_first_responses(self) -> None:
        self.assertEqual(user_in_response("PLAIN", b"other\0ann\0secret"), "ann")
        self.assertEqual(user_in_response("PLAIN", b"ann secret"), "")
        self.assertEqual(user_in_response("LOGIN", b"ann"), "ann")
        self.assertEqual(user_in_response("SCRAM-SHA-256", b"n,,n=ann,r=abc"), "ann")
        self.assertEqual(user_in_response("SCRAM-SHA-256", b"c=biws,r=abc"), "")
        self.assertEqual(user_in_response("XOAUTH2", b"user=ann"), "")

    def test_any_name_becomes_an_address(self) -> None:
        self.assertEqual(account_address("ann@Here.example").domain, "here.example")
        self.assertEqual(account_address("ann"), Address("ann", ""))
        self.assertEqual(account_address("a@b@c"), Address("a_b_c", ""))
        self.assertEqual(account_address("a\r\nb"), Address("ab", ""))
        self.assertEqual(account_address(""), Address("unknown", ""))
        self.assertEqual(len(str(account_address("x" * 1000))), 200)

    def test_a_password_is_never_taken_for_a_name(self) -> None:
        self.first.logins = (b"\0secret",)
        replies = self.secure().say("AUTH LOGIN", "", coded("secret"))
        self.assertEqual(replies[-1][:3], "235")
        self.assertEqual(len(self.events.of(LoggedIn)), 1)
        self.assertNotIn("secret", " ".join(self.events.lines))
