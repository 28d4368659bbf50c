"""Certificates over months, with a directory that fails in every way."""

from __future__ import annotations

import os
import stat
from datetime import timedelta
from itertools import pairwise

from twisted.internet.defer import Deferred

from mailhost.certificates.provers import IProver
from mailhost.certificates.values import DNS_01, Account, AccountWanted
from mailhost.config.acme import KeyKind
from tests.certificates.rig import DAY, HOUR, OTHER, OURS, START, KeeperCase
from tests.certificates.scripted import DIRECTORY, Reply, problem
from tests.fakes import now

MX, MAIL = "mx.a.example", "mail.a.example"


class OrderingTests(KeeperCase):
    def test_nothing_is_contacted_before_the_operator_agrees(self) -> None:
        setup, self.setup = self.setup, None
        self.start(2 * HOUR)
        self.assertEqual(([], {}, []), (self.ca.asked, self.stored(), self.lines()))
        self.assertFalse(os.path.exists(self.data))
        self.setup = setup
        self.wait(30, 1.0)
        self.assertEqual({MX: {MX}, "a.example": {MAIL}}, self.stored())

    def test_one_certificate_for_the_host_and_one_for_each_domain(self) -> None:
        self.resolver.found["mta-sts.a.example"] = [OURS, "2001:db8::1"]
        self.resolver.found["autoconfig.a.example"] = [OTHER]
        self.own.append("2001:db8::1")
        self.start()
        self.assertEqual([[MX], [MAIL, "mta-sts.a.example"]], self.ordered)
        self.assertEqual(2, self.uses)
        left_out, host, domain = self.lines()
        self.assertEqual(
            "certificate of a.example: names that do not lead to this host (192.0.2.1, "
            "2001:db8::1) are left out: autoconfig.a.example (it leads to 198.51.100.9), "
            "autodiscover.a.example (it does not exist)",
            left_out,
        )
        self.assertIn("certificate of mx.a.example: ordered for mx.a.example, valid", host)
        self.assertIn("a.example: ordered for mail.a.example, mta-sts.a.example, valid", domain)
        self.assertEqual(({}, {}), (self.answers._http, self.answers._tls))

    def test_files_are_for_the_owner_alone(self) -> None:
        self.start()
        folder = os.path.join(self.data, "certificates")
        names = sorted(os.listdir(folder))
        account, *others = sorted(names, key=lambda name: not name.startswith("account-"))
        self.assertRegex(account, "^account-ca.example-[0-9a-f]{12}.json$")
        found = ["a.example.pem", f"{MX}.pem", "state.json"]
        self.assertEqual(found, others)
        for name in names:
            mode = stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode)
            self.assertEqual(0o600, mode, name)

    def test_domains_and_names_that_are_added(self) -> None:
        self.start()
        self.resolver.found["mail.b.example"] = [OURS]
        self.change(domains=("a.example", "b.example"), asked=("imap.a.example",))
        self.resolver.found["imap.a.example"] = [OURS]
        self.wait(30, 1.0)
        wanted = {MX: {MX}, "a.example": {MAIL, "imap.a.example"}, "b.example": {"mail.b.example"}}
        self.assertEqual(wanted, self.stored())
        self.resolver.found["autoconfig.a.example"] = [OURS]
        self.wait(HOUR + 60)
        self.assertIn("autoconfig.a.example", self.stored()["a.example"])

    def test_names_of_certificates_in_the_settings_are_not_ordered(self) -> None:
        self.change(covered=frozenset((MX, "*.a.example")))
        self.start()
        self.assertEqual([], self.ordered)

    def test_another_directory_or_key_is_used_soon(self) -> None:
        self.start()
        self.change(account=AccountWanted(self.trial_ca.directory))
        self.wait(30, 1.0)
        self.assertEqual([[MX], [MAIL]], [each["names"] for each in self.trial_ca.orders])
        self.change(account=AccountWanted(DIRECTORY), key=KeyKind.P384)
        self.wait(30, 1.0)
        self.assertEqual(4, len(self.ordered))
        [one, *_] = self.folder.read().certificates
        self.assertEqual("secp384r1", one.files.key.curve.name)  # type: ignore[union-attr]
        self.assertEqual(1, len(self.ca.accounts))

    def test_a_trial_at_another_directory_comes_first(self) -> None:
        self.change(trial=AccountWanted(self.trial_ca.directory))
        self.trial_ca.failing[MAIL] = problem("caa", "CAA forbids it").body
        self.start()
        self.assertEqual(([[MX]], {MX: {MX}}), (self.ordered, self.stored()))
        [failure] = [line for line in self.lines() if "CAA" in line]
        self.assertIn("at the trial, https://trial.example/directory: CAA forbids it", failure)
        trials = len(self.trial_ca.orders)
        self.wait(70 * DAY, 6 * HOUR)
        renewed = [each for each in self.ordered if each == [MX]]
        self.assertEqual(2, len(renewed))
        with_host = [each for each in self.trial_ca.orders[trials:] if MX in each["names"]]
        self.assertEqual([], with_host, "a renewal needs no trial")

    def test_a_directory_for_trials_that_cannot_be_reached(self) -> None:
        self.change(trial=AccountWanted(self.trial_ca.directory))
        self.trial_ca.unreachable = True
        self.start()
        self.assertEqual([], self.ordered)
        [line] = [line for line in self.lines() if "the order for" in line]
        self.assertIn("failed: at the trial, https://trial.example/directory: Conn", line)

    def test_a_name_that_cannot_be_looked_up_is_neither_added_nor_dropped(self) -> None:
        self.start()
        self.resolver.failing |= {MAIL, "autoconfig.a.example"}
        self.wait(2 * HOUR)
        self.assertEqual(2, len(self.ordered))
        self.wait(70 * DAY, 6 * HOUR)
        self.assertEqual([[MX], [MAIL]], self.ordered[2:])


class Zone:
    """Stands for dns-01: `shown` has what a name shows; `fault` is why records cannot be added."""

    def __init__(self) -> None:
        self.shown: dict[str, str] = {}
        self.fault = ""

    async def present(self, name: str, token: str, authorization: str) -> str:
        """See IProver."""
        self.shown[name] = authorization
        return self.fault

    async def visible(self, name: str, token: str, authorization: str) -> str:
        """See IProver."""
        return ""

    async def remove(self, name: str, token: str, authorization: str) -> None:
        """See IProver."""
        self.shown.pop(name, None)


class WildcardTests(KeeperCase):
    """Authorities refuse an order for `*.a.example` and `mail.a.example` together."""

    def setUp(self) -> None:
        super().setUp()
        self.zone = Zone()
        self.change(asked=("*.a.example", "imap.a.example"))

    def provers(self) -> dict[str, IProver]:
        zone: IProver = self.zone  # type: ignore[assignment]
        return {**super().provers(), DNS_01: zone}

    def look(self, kind: str, name: str, token: str) -> str | None:
        return self.zone.shown.get(name) if kind == DNS_01 else super().look(kind, name, token)

    def test_names_below_it_are_not_ordered_besides(self) -> None:
        self.start()
        self.wait(DAY)
        self.assertEqual([[MX], ["*.a.example"]], self.ordered)
        self.assertFalse([line for line in self.lines() if "failed" in line or "redundant" in line])
        self.wait(70 * DAY, 6 * HOUR)
        self.assertEqual(["*.a.example"], self.ordered[-1])

    def test_names_below_it_are_ordered_where_it_fails(self) -> None:
        self.zone.fault = "the zone is closed"
        self.start()
        self.assertEqual({MAIL}, self.stored()["a.example"])
        self.zone.fault = ""
        self.wait(DAY)
        self.assertEqual({"*.a.example"}, self.stored()["a.example"])


class RenewalTests(KeeperCase):
    def test_without_suggestions_after_two_thirds_of_the_life(self) -> None:
        self.start()
        self.wait(59 * DAY, 6 * HOUR)
        self.assertEqual(2, len(self.ordered))
        self.wait(2 * DAY, 6 * HOUR)
        self.assertEqual([[MX], [MAIL]], self.ordered[2:])
        self.assertEqual(4, self.uses)
        self.assertEqual([], [line for line in self.lines() if "expires" in line])

    def test_in_the_window_of_the_authority(self) -> None:
        self.ca.windows = {}
        self.start()
        self.wait(DAY, HOUR)
        first, _ = self.ca.issued
        self.wait(59 * DAY - HOUR, 6 * HOUR)
        self.assertEqual(2, len(self.ordered))
        self.wait(DAY, HOUR)
        self.assertEqual([[MX], [MAIL]], self.ordered[2:])
        self.assertEqual(f"{self.identifier(0)}", self.ca.orders[2]["replaces"])
        self.assertNotEqual(first.serial_number, self.ca.issued[2].serial_number)

    def identifier(self, number: int) -> str:
        assert self.ca.windows is not None
        return list(self.ca.windows)[number]

    def test_a_window_that_moves_to_the_past(self) -> None:
        """The authority will revoke the certificate."""
        self.ca.windows = {}
        self.start()
        self.wait(DAY, HOUR)
        self.ca.windows[self.identifier(0)] = (self.now() - DAY, self.now() - HOUR)
        self.wait(7 * HOUR)
        self.assertEqual([[MX]], self.ordered[2:])
        [line] = [line for line in self.lines() if "before its time" in line]
        self.assertIn("see https://ca.example/why", line)

    def test_a_certificate_that_was_ordered_just_now_is_not_renewed(self) -> None:
        """The authority or the clock is wrong: else each certificate would be ordered each hour."""

        class Past(dict[str, tuple[float, float]]):
            def __getitem__(self, key: str) -> tuple[float, float]:
                return START - 2 * DAY, START - DAY

            def __contains__(self, key: object) -> bool:
                return True

        self.change(domains=())
        self.ca.windows = Past()
        self.start()
        self.wait(3.5 * DAY, HOUR)
        self.assertEqual(4, len(self.ordered))

    def test_the_authority_is_asked_again_when_it_says(self) -> None:
        self.ca.windows = {}
        self.ca.ari_wait = "7200"
        self.start()
        self.wait(2 * DAY, HOUR / 4)
        asked = sum(path.startswith("ari/") for path in self.ca.asked)
        self.assertTrue(40 <= asked <= 50, asked)

    def test_suggestions_that_fail_change_nothing(self) -> None:
        self.ca.windows = {}
        self.ca.errors["ari"] = [problem("serverInternal", "x", 500), Reply(200, b"<html>")] * 200
        self.start()
        self.wait(62 * DAY, 6 * HOUR)
        self.assertEqual([[MX], [MAIL]], self.ordered[2:])
        self.assertEqual([], [line for line in self.lines() if "failed" in line])

    def test_an_order_that_was_replaced_already(self) -> None:
        self.ca.windows = {}
        self.start()
        self.ca.errors["order"] = [problem("alreadyReplaced", "renewed before", 409)]
        self.wait(62 * DAY, 6 * HOUR)
        self.assertEqual([[MX], [MAIL]], self.ordered[2:])
        self.assertNotIn("replaces", self.ca.orders[2])
        self.assertIn("replaces", self.ca.orders[3])

    def test_a_certificate_is_not_given_up_for_one_with_fewer_names(self) -> None:
        self.resolver.found["autoconfig.a.example"] = [OURS]
        self.start()
        self.ca.failing["autoconfig.a.example"] = problem("connection", "timeout").body
        self.wait(80 * DAY, 6 * HOUR)
        both = {MAIL, "autoconfig.a.example"}
        self.assertEqual(both, self.stored()["a.example"])
        self.assertEqual(1, len(self.warnings))
        self.assertIn("the authority said: timeout (connection)", self.warnings[0].text)
        self.wait(6 * DAY, 6 * HOUR)
        self.assertEqual({MAIL}, self.stored()["a.example"], "the end is near")
        self.ca.failing.clear()
        self.wait(2 * DAY, 6 * HOUR)
        self.assertEqual(both, self.stored()["a.example"])

    def test_warnings_before_the_end(self) -> None:
        self.start()
        self.ca.unreachable = True
        self.lines()
        at = []
        for hour in range(0, 95 * 24, 6):
            before = len(self.warnings)
            self.wait(6 * HOUR, 6 * HOUR)
            at += [hour // 24] * (len(self.warnings) - before)
        self.assertEqual([75, 75, 86, 86, 88, 88, 89, 89], at)
        self.assertIn("certificate of a.example expires within 14 days", self.warnings[0].subject)
        self.assertIn("has expired", self.warnings[-1].subject)
        self.assertIn("connection refused", self.warnings[-1].text)
        warned = [line for line in self.lines() if "was not renewed" in line]
        self.assertEqual(8, len(warned))
        self.restart()
        self.wait(HOUR)
        self.assertEqual(8, len(self.warnings), "a restart repeats none")

    def test_the_certificate_of_a_removed_domain_goes_in_place_of_its_renewal(self) -> None:
        self.start()
        self.change(domains=())
        self.wait(55 * DAY, 6 * HOUR)
        self.assertEqual({MX, "a.example"}, {*self.stored()})
        uses = self.uses
        self.wait(8 * DAY, 6 * HOUR)
        self.assertEqual({MX}, {*self.stored()})
        self.assertEqual([], self.warnings)
        self.assertEqual(uses + 2, self.uses, "no process uses it any more")


class FailureTests(KeeperCase):
    def test_nonces_that_are_refused(self) -> None:
        self.ca.bad_nonces = 10
        self.start()
        self.assertEqual({MX, "a.example"}, {*self.stored()})

    def test_one_name_does_not_keep_the_others_from_theirs(self) -> None:
        self.resolver.found["autoconfig.a.example"] = [OURS]
        self.ca.failing["autoconfig.a.example"] = problem("connection", "no route").body
        self.start()
        self.assertEqual({MAIL}, self.stored()["a.example"])
        [line] = [line for line in self.lines() if "no route" in line]
        self.assertRegex(
            line,
            r"^certificates: autoconfig.a.example by tls-alpn-01: the authority said: no route "
            r"\(connection\). Remedy: let the authority reach port 443 of .*: look at the "
            r"firewall, and at the A and AAAA records of autoconfig.a.example. The next attempt",
        )
        attempts = self.attempts("autoconfig.a.example", 3 * DAY)
        self.assertEqual(sorted(attempts), attempts, "each wait is as long as the last or longer")
        self.assertTrue(6 <= len(attempts) <= 12, attempts)
        self.ca.failing.clear()
        self.wait(DAY, 600)
        self.assertEqual({MAIL, "autoconfig.a.example"}, self.stored()["a.example"])

    def attempts(self, name: str, seconds: float) -> list[float]:
        """The waits between the attempts for a name."""
        at = [self.now()]
        for _ in range(int(seconds // 60)):
            before = len(self.ca.orders)
            self.wait(60)
            if any(name in each["names"] for each in self.ca.orders[before:]):
                at.append(self.now())
        waits = [later - former for former, later in pairwise(at)]
        return [wait for wait in waits if wait > 300]  # several orders are one attempt

    def test_another_challenge_is_tried(self) -> None:
        self.ca.failing[f"{MX} http-01"] = problem("unauthorized", "wrong page").body
        self.start()
        self.assertEqual({MX, "a.example"}, {*self.stored()})
        self.assertEqual([[MX], [MX], [MAIL]], self.ordered)
        self.assertEqual([], [line for line in self.lines() if "wrong page" in line])

    def test_a_challenge_that_succeeded_is_used_again_in_the_next_order(self) -> None:
        """An authority need not remember what it has looked at."""
        self.resolver.found["autoconfig.a.example"] = [OURS]
        self.ca.failing["autoconfig.a.example http-01"] = problem("dns", "SERVFAIL").body
        self.ca.failing[f"{MAIL} tls-alpn-01"] = problem("dns", "SERVFAIL").body
        self.start()
        self.assertEqual({MAIL, "autoconfig.a.example"}, self.stored()["a.example"])

    def test_a_challenge_that_the_authority_refuses_to_look_at(self) -> None:
        self.resolver.found["autoconfig.a.example"] = [OURS]
        self.change(hostname="autodiscover.a.example")  # not in DNS
        refusals = [problem("malformed", "no such challenge", 400)] * 2
        self.ca.errors["chall"] = refusals
        self.start()
        self.assertEqual({MAIL, "autoconfig.a.example"}, self.stored()["a.example"])
        self.assertEqual(2, len(self.ordered))

    def test_names_that_an_order_names(self) -> None:
        self.change(asked=("forbidden.a.example",))
        part = problem("rejectedIdentifier", "no policy for this name").body
        part["identifier"] = {"type": "dns", "value": "forbidden.a.example"}
        refusal = problem("malformed", "some names are refused", 400, subproblems=[part])
        self.change(hostname="autodiscover.a.example")  # not in DNS
        self.ca.errors["order"] = [refusal]
        self.start()
        [line] = [line for line in self.lines() if "no policy" in line]
        self.assertIn("Remedy: leave forbidden.a.example out", line)
        self.assertEqual({MAIL}, self.stored()["a.example"])

    def test_a_limit_for_one_name(self) -> None:
        self.resolver.found["autoconfig.a.example"] = [OURS]
        self.change(hostname="autodiscover.a.example")
        text = 'too many failed authorizations (5) for "autoconfig.a.example" in the last 1h0m0s'
        self.ca.errors["order"] = [problem("rateLimited", text, 429, wait=7200)]
        self.start()
        self.assertEqual({MAIL}, self.stored()["a.example"])
        self.wait(2 * HOUR - 120)
        self.assertEqual({MAIL}, self.stored()["a.example"])
        self.wait(HOUR)
        self.assertEqual({MAIL, "autoconfig.a.example"}, self.stored()["a.example"])

    def test_a_limit_for_one_set_of_names(self) -> None:
        self.resolver.found["mta-sts.a.example"] = [OURS]
        self.start()
        self.resolver.found["autoconfig.a.example"] = [OURS]
        self.resolver.found["mail.b.example"] = [OURS]
        names = "autoconfig.a.example,mail.a.example,mta-sts.a.example"
        text = f"too many certificates (5) already issued for this exact set: {names}, retry later"
        self.ca.errors["order"] = [problem("rateLimited", text, 429, wait=50_000)]
        self.change(domains=("a.example", "b.example"))
        self.wait(60, 1.0)
        self.assertEqual({MX, "a.example", "b.example"}, {*self.stored()})
        self.assertEqual({MAIL, "mta-sts.a.example"}, self.stored()["a.example"])

    def test_a_limit_for_all(self) -> None:
        limit = problem("rateLimited", "too many new orders", 429, wait=5 * 3600)
        self.ca.errors["order"] = [limit]
        self.start()
        [line] = [line for line in self.lines() if "too many" in line]
        self.assertIn(
            "for mx.a.example failed: the authority said: too many new orders (rateLimited)", line
        )
        self.assertEqual([], self.ordered, "the other certificate waits too")
        self.restart()
        self.wait(4.9 * HOUR)
        self.assertEqual(1, self.ca.asked.count("order"), "a restart forgets no limit")
        self.wait(0.2 * HOUR)
        self.assertEqual({MX, "a.example"}, {*self.stored()})

    def test_an_authority_that_cannot_be_reached(self) -> None:
        self.ca.unreachable = True
        self.start(30 * DAY % 60)
        self.wait(30 * DAY, 600)
        failed = [line for line in self.lines() if "the order for" in line]
        self.assertTrue(30 <= len(failed) <= 40, len(failed))
        self.assertIn("connection refused. Remedy: look whether this host reaches", failed[0])
        self.ca.unreachable = False
        self.wait(DAY + HOUR, 600)
        self.assertEqual({MX, "a.example"}, {*self.stored()})

    def test_replies_that_are_no_acme(self) -> None:
        html = Reply(502, b"<html>Bad Gateway</html>", {"Content-Type": "text/html"})
        for reply, words in (
            (html, "HTTP 502 Some Reason from https://ca.example/directory"),
            (Reply(200, b"x" * 1_000_001), "more than 1000000 octets"),
            (Reply(200, b"[1"), "Unexpected response Content-Type"),
            (Reply(200, {}), "Directory field"),
        ):
            self.ca.errors["directory"] = [reply]
            self.keeper.start()
            self.wait(60, 1.0)
            [line] = [line for line in self.lines() if "the order for" in line]
            self.assertIn(words, line)
            self.stop()
            self.successResultOf(Deferred.fromCoroutine(self.memory.account_changed(DIRECTORY)))
            self.make()

    def test_an_external_account(self) -> None:
        self.ca.eab = {"kid-1": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"}
        self.start()
        [line] = [line for line in self.lines() if "the order for" in line]
        self.assertIn("Remedy: write external_account in [tls.acme]", line)
        wrong = AccountWanted(DIRECTORY, eab_id="kid-2", eab_key="c2VjcmV0")
        self.change(account=wrong)
        self.wait(30, 1.0)
        [line] = [line for line in self.lines() if "the order for" in line]
        self.assertIn("Remedy: look at external_account in [tls.acme]", line)
        right = AccountWanted(DIRECTORY, eab_id="kid-1", eab_key=self.ca.eab["kid-1"])
        self.change(account=right)
        self.wait(30, 1.0)
        self.assertEqual({MX, "a.example"}, {*self.stored()}, "a reload does not wait")

    def test_a_host_that_can_answer_no_challenge(self) -> None:
        provers, self.provers = self.provers, dict  # type: ignore[method-assign]
        self.start()
        self.assertEqual([], self.ca.asked)
        [line] = [line for line in self.lines() if "the order for" in line]
        self.assertIn("failed: this host can answer no challenge", line)
        self.assertIn("Remedy: add [web]", line)
        self.provers = provers  # type: ignore[method-assign]
        self.change(challenges=("http-01",))
        self.wait(30, 1.0)
        self.assertEqual({MX, "a.example"}, {*self.stored()})

    def test_an_account_that_the_authority_forgot(self) -> None:
        self.start()
        self.ca.accounts.clear()
        self.wait(62 * DAY, 6 * HOUR)
        self.assertEqual([[MX], [MAIL]], self.ordered[2:])
        self.assertEqual(1, len(self.ca.accounts))

    def test_an_expired_certificate_is_not_taken(self) -> None:
        self.start()
        [own] = [each for each in self.folder.read().certificates if each.name == MX]
        self.ca.life = timedelta(0)
        self.wait(62 * DAY, 6 * HOUR)
        [still] = [each for each in self.folder.read().certificates if each.name == MX]
        self.assertEqual(own.ends, still.ends)
        text = "the order for mx.a.example failed: the authority sent a certificate that has exp"
        self.assertTrue(any(text in line for line in self.lines()))
        orders = len(self.ordered)
        self.wait(DAY, HOUR)
        self.assertLess(len(self.ordered) - orders, 5)

    def test_urls_without_tls_are_not_used(self) -> None:
        for where, path in (("directory", "/x"), ("order", "/y")):
            url = f"http://127.0.0.1:9{path}"
            self.ca.errors = {where: [Reply(307, {}, {"Location": url})]}
            self.start() if path == "/x" else self.wait(HOUR)
            text = f"the authority names {url}, which is not an https URL"
            self.assertTrue(any(text in line for line in self.lines()), where)

    def test_no_second_account_after_a_crash_during_the_registration(self) -> None:
        saved = self.folder.save_account

        def save(account: Account) -> None:
            if account.url:
                raise OSError(28, "No space left on device")
            saved(account)

        self.patch(self.folder, "save_account", save)
        self.start()
        self.assertEqual((1, []), (len(self.ca.accounts), self.ordered))
        self.restart()
        self.wait(HOUR, 1.0)
        self.assertEqual((1, 2), (len(self.ca.accounts), len(self.ordered)))

    def test_failures_do_not_delay_orders_by_other_settings(self) -> None:
        self.ca.failing[MAIL] = problem("caa", "CAA forbids it").body
        self.start()
        self.change(account=AccountWanted(self.trial_ca.directory))
        self.wait(30, 1.0)
        self.assertEqual({MX: {MX}, "a.example": {MAIL}}, self.stored())
        self.assertFalse(now(self.memory.state()).names)

    def test_another_contact(self) -> None:
        self.start()
        self.change(account=AccountWanted(DIRECTORY, ("bob@a.example",)))
        self.wait(62 * DAY, 6 * HOUR)
        [account] = self.ca.accounts.values()
        self.assertEqual(["mailto:bob@a.example"], account["contact"])

    def test_a_certificate_for_another_key(self) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec

        self.ca.stolen_key = ec.generate_private_key(ec.SECP256R1()).public_key()
        self.start()
        self.assertEqual({}, self.stored())
        lines = [
            line
            for line in self.lines()
            if "failed: the authority sent a certificate for another key" in line
        ]
        self.assertEqual(2, len(lines), "each certificate is tried")

    def test_an_authority_that_never_decides(self) -> None:
        self.ca.polls = 10_000
        self.start(1300)
        lines = [line for line in self.lines() if "has not looked within 300 s" in line]
        self.assertEqual(2, len(lines), lines)

    def test_damaged_files(self) -> None:
        self.start()
        folder = os.path.join(self.data, "certificates")
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), "w") as file:
                file.write("damaged")
        self.restart()
        self.wait(60, 1.0)
        text = "\n".join(self.lines())
        self.assertIn("is damaged; remove it, and the host makes another account", text)
        self.assertEqual(2, text.count("The certificate is not used, and is ordered again"))
        os.unlink(next(e.path for e in os.scandir(folder) if e.name.startswith("account")))
        self.wait(2 * HOUR)
        self.assertEqual({MX, "a.example"}, {*self.stored()})


class CommandTests(KeeperCase):
    def renew(self, name: str = "", trial: bool = False) -> list[tuple[str, bool, int]]:
        account = AccountWanted(self.trial_ca.directory) if trial else None
        renewing = Deferred.fromCoroutine(self.keeper.renew(name, account))
        self.wait(60, 1.0)
        found = self.successResultOf(renewing)
        return [(each.name, each.ordered, len(each.failures)) for each in found]

    def test_an_order_at_once(self) -> None:
        self.ca.unreachable = True
        self.start()
        self.ca.unreachable = False
        self.assertEqual([(MX, True, 0), ("a.example", True, 0)], self.renew())
        self.assertEqual([("a.example", True, 0)], self.renew(MAIL))
        self.assertEqual([[MX], [MAIL], [MAIL]], self.ordered)

    def test_only_a_trial(self) -> None:
        self.start()
        self.trial_ca.failing[MX] = problem("dns", "SERVFAIL").body
        self.assertEqual([(MX, False, 1)], self.renew(MX, trial=True))
        self.assertEqual([("a.example", True, 0)], self.renew("a.example", trial=True))
        self.assertEqual((2, 2), (len(self.ordered), self.uses))

    def test_unknown_names_and_no_agreement(self) -> None:
        for setup, words in (
            (self.setup, "no certificate is ordered for far.example"),
            (None, "agree"),
        ):
            self.setup = setup
            failed = self.failureResultOf(
                Deferred.fromCoroutine(self.keeper.renew("far.example", None)), LookupError
            )
            self.assertIn(words, failed.getErrorMessage())


class StoppingTests(KeeperCase):
    def test_an_order_under_way_ends_with_the_host(self) -> None:
        self.ca.polls = 10_000
        self.start(10)
        self.assertNotEqual({}, self.answers._http)
        self.stop()
        self.assertEqual({}, self.answers._http)
        asked = len(self.ca.asked)
        self.wait(HOUR)
        self.assertEqual(asked, len(self.ca.asked))
        self.assertEqual([], [line for line in self.lines() if "left out" not in line])
