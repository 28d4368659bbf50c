"""Certificates that the head orders: which are used, and what the settings lead to."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.application.certificate_commands import certificate_commands
from mailhost.application.certificate_orders import CertificateOrders
from mailhost.application.certificate_sources import certificate_sources
from mailhost.application.head import Head
from mailhost.application.host_certificates import host_certificates
from mailhost.certificates.answers import ChallengeAnswers
from mailhost.certificates.dns_challenge import DNSProver
from mailhost.certificates.expiry import ExpiryWarning
from mailhost.certificates.folder import CertificateFolder
from mailhost.certificates.next_key import next_key_path, public_of
from mailhost.certificates.provers import HTTPProver, TLSProver
from mailhost.certificates.values import Account
from mailhost.config.acme import LETS_ENCRYPT, STAGING
from mailhost.config.load import load
from mailhost.config.model import Settings
from mailhost.dns_records.facts import Authority
from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem
from mailhost.net.control.server import CommandRefused
from mailhost.net.tls.certificate import PEM
from mailhost.net.tls.server import read_all
from tests.fakes import FakeHandover, RecordingEvents, now, outgoing_of
from tests.net.tls.handshakes import Folder, issue, key_pem, pem

HOST = "mx.a.example"


class Ordering(Folder):
    def setUp(self) -> None:
        self.data = os.path.abspath(self.mktemp())
        os.mkdir(self.data, 0o700)
        self.folder = CertificateFolder(self.data, BlockingCommitter(OperatingSystem()).commit)

    def order(self, name: str, host: str) -> None:
        """As if a certificate had been ordered."""
        certificate, key = issue(host)
        self.folder.save(name, PEM(pem(certificate), key_pem(key)))


class SourcesTests(Ordering):
    def used(self, **tls: Any) -> list[str]:
        """The first names of the certificates in use."""
        settings = Settings.model_validate(
            {"version": 1, "hostname": HOST, "data": self.data, "tls": tls}
        )
        return [files.names[0] for files in read_all(certificate_sources(settings))]

    def test_the_own_certificate_is_first_and_replaces_the_self_signed_one(self) -> None:
        self.assertEqual([HOST], self.used())
        self.assertTrue(os.path.exists(os.path.join(self.data, "tls", "chain.pem")))
        self.order("a.example", "mail.a.example")
        self.assertEqual([HOST, "mail.a.example"], self.used())
        self.order(HOST, HOST)
        self.assertEqual([HOST, "mail.a.example"], self.used())

    def test_the_own_certificate_is_before_a_wildcard(self) -> None:
        self.order("a.example", "*.a.example")
        self.assertEqual(["*.a.example"], self.used())
        self.order(HOST, HOST)
        self.assertEqual([HOST, "*.a.example"], self.used())

    def test_certificates_of_the_settings_come_first(self) -> None:
        chain, key = self.certificate("other.example")
        certificate = [{"chain": os.path.abspath(chain), "key": os.path.abspath(key)}]
        self.assertEqual(["other.example"], self.used(certificate=certificate))
        self.order(HOST, HOST)
        self.assertEqual(["other.example", HOST], self.used(certificate=certificate))

    def test_a_damaged_file_keeps_no_host_from_starting(self) -> None:
        self.order("a.example", "mail.a.example")
        with open(self.folder.path(HOST), "w") as file:
            file.write("damaged")
        self.assertEqual([HOST, "mail.a.example"], self.used())


class HeadCase(Ordering):
    """The head of a host that has not been started."""

    def head(self, acme: str, more: str = "[web]\n") -> Head:
        path = os.path.join(self.data, "mailhost.toml")
        with open(path, "w") as file:
            text = f'version = 1\nhostname = "{HOST}"\ndata = "."\nadmin = "ann@a.example"\n'
            file.write(f'{text}{more}[tls.acme]\n{acme}\n[domain."a.example".account.ann]\n')
        os.chmod(path, 0o600)
        events = cast(Any, RecordingEvents())
        events.write_all = lambda lines: None
        head = Head(cast(Any, reactor), load(path), events, list)
        head._use(head._new_services(head.loaded))
        return head


class HeadTests(HeadCase):
    def test_without_agreement_there_is_nothing_to_do(self) -> None:
        head = self.head("agree = false")
        self.assertIsNone(head.acme.orders._setup())
        self.assertIsNone(now(head.acme.orders.keeper.plan()))
        refused = Deferred.fromCoroutine(certificate_commands(head)["certificates.renew"]())
        text = str(self.failureResultOf(refused, CommandRefused).value)
        self.assertIn("[tls.acme] does not have agree = true", text)

    def test_the_settings(self) -> None:
        head = self.head('agree = true\ncontact = ["ann@a.example"]\ntry_first = "staging"')
        setup = head.acme.orders._setup()
        assert setup is not None and setup.trial is not None
        self.assertIs(setup, head.acme.orders._setup())
        self.assertEqual(
            (HOST, ("a.example",), ("ann@a.example",), STAGING),
            (setup.hostname, setup.domains, setup.account.contact, setup.trial.directory),
        )
        self.assertEqual(("http-01", "tls-alpn-01"), setup.challenges)

    def test_challenges(self) -> None:
        provers = self.head('agree = true\ndns_command = "/bin/true"').acme.orders._means().provers
        self.assertEqual(
            [HTTPProver, TLSProver, DNSProver], [type(each) for each in provers.values()]
        )
        self.assertEqual({}, self.head("agree = true", more="").acme.orders._means().provers)
        head = self.head('agree = true\nchallenges = ["tls-alpn-01"]')
        self.assertEqual(["tls-alpn-01"], [*head.acme.orders._means().provers])

    def test_answers_reach_the_listeners(self) -> None:
        head = self.head("agree = true")
        self.assertIs(head.acme.answers, head.foundation.http_challenges)
        self.assertIs(head.acme.answers, head.foundation.tls.challenges)

    def test_a_trial_needs_an_agreement_too(self) -> None:
        self.assertIsNotNone(self.head("agree = true").acme.orders.staging())
        head = self.head('agree = true\ndirectory = "https://ca.example/dir"')
        self.assertIsNone(head.acme.orders.staging())
        renew = certificate_commands(head)["certificates.renew"]
        refused = Deferred.fromCoroutine(renew(staging=True))
        text = str(self.failureResultOf(refused, CommandRefused).value)
        self.assertIn("write try_first", text)

    def test_a_file_of_an_own_authority_is_not_for_public_ones(self) -> None:
        ca_file, _ = self.certificate("ca.example")
        lines = f'directory = "https://ca.example/"\nca_file = "{os.path.abspath(ca_file)}"'
        setup = self.head(f'agree = true\ntry_first = "staging"\n{lines}').acme.orders._setup()
        assert setup is not None and setup.trial is not None
        self.assertEqual(os.path.abspath(ca_file), setup.account.ca_file)
        self.assertEqual("", setup.trial.ca_file)

    def test_ordered_certificates_are_used_by_all_processes(self) -> None:
        head = self.head("agree = true")
        handed: list[Sequence[PEM]] = []
        head.workers.use_certificates = handed.append  # type: ignore[method-assign, assignment]
        head.foundation.in_thread = head.certificates._in_thread = cast(Any, _at_once)
        self.order("a.example", "mail.a.example")
        now(head._use_ordered())
        [pems] = handed
        self.assertEqual(2, len(pems))
        names = [files.names[0] for files in head.foundation.tls.certificates]
        self.assertEqual([HOST, "mail.a.example"], names)

    def test_a_reload_meanwhile_has_read_the_newer_certificates(self) -> None:
        head = self.head("agree = true")
        waiting: list[Deferred[None]] = []

        def later(work: Any) -> Any:
            waiting.append(Deferred())
            return waiting[-1].addCallback(lambda _: work())

        head.foundation.in_thread = cast(Any, later)
        used = head.foundation.tls.certificates
        using = Deferred.fromCoroutine(head._use_ordered())
        head._use(head._new_services(self.head("agree = true").loaded))
        for number in range(2):
            waiting[number].callback(None)
        self.successResultOf(using)
        self.assertIs(used, head.foundation.tls.certificates)

    def test_nothing_is_imported_before_the_operator_agrees(self) -> None:
        unwanted = "{'acme', 'requests', 'mailhost.certificates.keeper'} & {*sys.modules}"
        code = f"import sys, mailhost.application.host; sys.exit(bool({unwanted}))"
        done = subprocess.run([sys.executable, "-c", code], check=False)
        self.assertEqual(0, done.returncode)

    def test_the_operator_agrees_while_the_host_runs(self) -> None:
        head = self.head("agree = false")
        begun: list[bool] = []
        keeper = head.acme.orders.keeper
        keeper.start = lambda: begun.append(True)  # type: ignore[method-assign]
        head.acme.start()
        self.assertEqual([], begun)
        agreed = self.head("agree = true").loaded
        head.loaded = agreed
        head.acme.reconfigure()
        head.acme.reconfigure()
        self.assertEqual([True], begun)


class FactsTests(HeadCase):
    """Certificates as facts for DNS records."""

    def test_the_coming_key_and_the_authority(self) -> None:
        settings = self.head("agree = true").loaded.settings
        self.order(HOST, HOST)
        key = key_pem(issue(HOST)[1])
        with open(next_key_path(self.data, HOST), "wb") as file:
            file.write(key)
        account = Account(LETS_ENCRYPT, b"", "https://ca.example/1", (), ("ca.example",))
        self.folder.save_account(account)
        facts = host_certificates(settings)
        self.assertEqual([False, True], [each.coming for each in facts.keys])
        self.assertEqual(public_of(key), facts.keys[1].public)
        self.assertEqual(Authority(("ca.example",), ("https://ca.example/1",)), facts.authority)

    def test_without_agreement_there_is_no_authority(self) -> None:
        settings = self.head("agree = false").loaded.settings
        facts = host_certificates(settings)
        self.assertEqual((1, None), (len(facts.keys), facts.authority))


class WarningTests(SynchronousTestCase):
    def warn(self, admin: str | None) -> FakeHandover:
        settings = Settings.model_validate(
            {"version": 1, "hostname": HOST, "data": "/nowhere", "admin": admin}
        )
        handover = FakeHandover()
        services = SimpleNamespace(settings=settings, outgoing=outgoing_of(HOST), handover=handover)
        base = SimpleNamespace(events=RecordingEvents(), data="/nowhere")
        base.commit_now = SimpleNamespace(commit=None)
        base.resolver = None
        some, none = cast(Any, base), cast(Any, None)
        certificates = CertificateOrders(
            cast(Any, Clock()), some, none, lambda: cast(Any, services), _never, ChallengeAnswers()
        )
        now(certificates._warn(ExpiryWarning("a.example", "it expires", "it expires soon")))
        return handover

    def test_the_administrator_gets_it(self) -> None:
        handover = self.warn("ann@a.example")
        self.assertEqual(1, len(handover.taken))
        self.assertEqual(0, len(self.warn(None).taken))


def _at_once(work: Any) -> Any:
    from twisted.internet.defer import maybeDeferred

    return maybeDeferred(work)


async def _never() -> None:
    raise AssertionError
