"""Renewed certificate files are noticed; broken ones are told once and not taken."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock

from mailhost.application.certificates import CertificateWatch
from mailhost.net.tls.certificate import current_time, read_certificate
from mailhost.net.tls.client import client_tls
from mailhost.net.tls.server import ServerTLS
from tests.fakes import RecordingEvents
from tests.net.tls.handshakes import Folder, issue, key_pem, pem, shake

T = TypeVar("T")


def at_once(work: Callable[[], T]) -> Deferred[T]:
    """Stands for a thread."""
    return maybeDeferred(work)


class Watching(Folder):
    def setUp(self) -> None:
        self.chain, self.key = self.certificate("mx.example.org")
        self.tls = ServerTLS([(self.chain, self.key)])
        self.clock = Clock()
        self.events = RecordingEvents()
        self.now = current_time()
        self.renewed: list[datetime] = []
        self.watched: set[str] = set()
        self.watch = CertificateWatch(
            self.clock,
            at_once,
            self.tls,
            self.events,
            lambda: "mx.example.org",
            lambda: self.renewed.append(self.now),
            lambda path: path in self.watched,
            lambda: self.now,
        )
        self.watch.start()
        self.addCleanup(self.watch.stop)

    def put(self, name: str = "new.example", **more: Any) -> None:
        """As a program that renews does: files beside, then renamed over the old ones."""
        certificate, key = issue(name, **more)
        self.replace(self.chain, pem(certificate))
        self.replace(self.key, key_pem(key))

    def replace(self, path: str, contents: bytes) -> None:
        with open(os.open(f"{path}.tmp", os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(contents)
        os.replace(f"{path}.tmp", path)

    def subject(self) -> str:
        return shake(self.tls, client_tls("x.example", verify=False))[1].subject

    def lines(self) -> list[str]:
        """The findings since the last call."""
        lines = [event.line for event in self.events.told]
        self.events.told.clear()
        return lines

    def minutes(self, count: int) -> None:
        self.clock.pump([60.0] * count)

    def test_unchanged_files_are_not_logged(self) -> None:
        self.minutes(100)
        self.assertEqual(([], []), (self.lines(), self.renewed))

    def test_renewed_files_are_used_within_a_minute(self) -> None:
        ends = self.now + timedelta(days=90)
        self.put("mx.example.org", life=(self.now - timedelta(days=1), ends))
        self.minutes(1)
        [line] = self.lines()
        self.assertEqual(f"renewed certificates are in use, valid until {ends:%Y-%m-%d}", line)
        self.assertEqual("mx.example.org", self.subject())
        self.assertEqual(1, len(self.renewed))
        self.minutes(10)
        self.assertEqual(1, len(self.renewed))

    def test_a_link_that_leads_elsewhere(self) -> None:
        for path in (self.chain, self.key):
            os.rename(path, f"{path}.1")
            os.symlink(f"{path}.1", path)
        self.minutes(1)
        self.assertEqual([], self.renewed)
        for path, new in zip((self.chain, self.key), self.certificate("new.example"), strict=True):
            os.unlink(path)
            os.symlink(os.path.abspath(new), path)
        self.minutes(1)
        self.assertEqual("new.example", self.subject())

    def test_certbot_replaces_one_link_after_the_other(self) -> None:
        live, archive = os.path.abspath(self.mktemp()), os.path.abspath(self.mktemp())
        for folder in (live, archive):
            os.makedirs(folder)
        names = ("fullchain", "privkey")
        links = [os.path.join(live, f"{name}.pem") for name in names]

        def write(number: int, name: str) -> None:
            certificate, key = issue(name)
            for each, contents in zip(names, (pem(certificate), key_pem(key)), strict=True):
                self.replace(os.path.join(archive, f"{each}{number}.pem"), contents)

        def lead_to(link: str, number: int) -> None:
            if os.path.lexists(link):
                os.unlink(link)
            name = os.path.basename(link).removesuffix(".pem")
            os.symlink(os.path.join(os.path.relpath(archive, live), f"{name}{number}.pem"), link)

        write(1, "mx.example.org")
        for link in links:
            lead_to(link, 1)
        self.tls.replace([(links[0], links[1])], self.tls.minimums)
        write(2, "new.example")
        self.minutes(2)
        lead_to(links[1], 2)  # the key no longer fits the chain
        self.minutes(1)
        os.unlink(links[0])
        self.minutes(1)
        self.assertEqual(([], "mx.example.org"), (self.lines(), self.subject()))
        lead_to(links[0], 2)
        self.minutes(1)
        self.assertIn("renewed certificates are in use", self.lines()[0])
        self.assertEqual("new.example", self.subject())

    def test_half_a_renewal_is_waited_for(self) -> None:
        certificate, key = issue("new.example")
        self.replace(self.key, key_pem(key))
        self.minutes(1)
        self.assertEqual([], self.lines())
        self.replace(self.chain, pem(certificate))
        self.minutes(1)
        self.assertEqual("new.example", self.subject())

    def test_a_broken_pair_is_logged_once_and_not_used(self) -> None:
        shutil.copy(self.certificate("new.example")[0], self.chain)
        self.minutes(10)
        [line] = self.lines()
        self.assertIn(f"the key in {self.key} is not that of", line)
        self.assertIn("The certificates read before stay in use", line)
        self.assertEqual(("mx.example.org", []), (self.subject(), self.renewed))
        self.replace(self.chain, b"junk")
        self.minutes(10)
        [line] = self.lines()
        self.assertIn("holds no certificate", line)
        self.put("mx.example.org")
        self.minutes(1)
        self.assertEqual(1, len(self.renewed))

    def test_a_broken_pair_keeps_no_other_from_being_renewed(self) -> None:
        second, second_key = self.certificate("two.example")
        self.tls.replace([(self.chain, self.key), (second, second_key)], self.tls.minimums)
        os.unlink(self.key)
        certificate, key = issue("new.example")
        self.replace(second, pem(certificate))
        self.replace(second_key, key_pem(key))
        self.minutes(10)
        renewed, broken = self.lines()
        self.assertIn("renewed certificates are in use", renewed)
        self.assertIn(f"cannot read {self.key}", broken)
        names = [files.names[0] for files in self.tls.certificates]
        self.assertEqual(["mx.example.org", "new.example"], names)
        self.assertEqual(1, len(self.renewed))

    def test_files_that_are_gone(self) -> None:
        os.rename(self.key, f"{self.key}.old")
        self.minutes(5)
        [line] = self.lines()
        self.assertIn(f"cannot read {self.key}: No such file", line)
        os.rename(f"{self.key}.old", self.key)
        self.minutes(5)
        self.assertEqual(([], []), (self.lines(), self.renewed))

    def test_a_certificate_without_files_stays_as_it_is(self) -> None:
        files = read_certificate(self.chain, self.key)
        for source in (files.pem, files):
            self.tls.replace([source], self.tls.minimums)
            os.utime(self.chain, (1, 1))
            self.minutes(2)
            self.assertEqual("mx.example.org", self.subject())
        self.assertEqual(1, len(self.renewed))  # of that with files

    def test_a_reload_in_the_meantime_wins(self) -> None:
        other = self.certificate("other.example")
        self.put()
        self.tls.replace([other], self.tls.minimums)
        self.minutes(2)
        self.assertEqual(([], "other.example"), (self.renewed, self.subject()))

    def test_findings_are_logged_once_a_day(self) -> None:
        os.chmod(self.key, 0o644)
        self.minutes(24 * 60 - 1)
        self.assertEqual([], self.lines())
        self.minutes(1)
        [line] = self.lines()
        self.assertIn("chmod o=", line)
        self.watch.log_findings()
        self.assertEqual(1, len(self.lines()))

    def test_an_end_that_the_keeper_of_ordered_certificates_warns_of_is_not_logged(self) -> None:
        self.now = self.tls.certificates[0].chain[0].not_valid_after_utc
        self.watch.log_findings()
        [line] = self.lines()
        self.assertIn("expired", line)
        self.watched.add(self.chain)
        os.chmod(self.key, 0o644)
        self.watch.log_findings()
        [line] = self.lines()
        self.assertIn("chmod o=", line)

    def test_files_that_the_user_cannot_read_are_logged_at_the_start(self) -> None:
        os.rename(self.key, f"{self.key}.hidden")
        self.watch.stop()
        CertificateWatch(
            self.clock,
            at_once,
            self.tls,
            self.events,
            lambda: "mx.example.org",
            lambda: None,
            lambda path: False,
        ).start()
        [line] = self.lines()
        self.assertIn("cannot read", line)
