"""The key of the next certificate: made in advance, and used once DNS has its record."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from mailhost.certificates.folder import FOLDER
from mailhost.certificates.keys import key_pem, make_key
from mailhost.certificates.next_key import NextKeys, next_key_path, public_of, read_next_key
from mailhost.config.acme import KeyKind
from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.dns import Found, Reply, TLSARecord
from tests.certificates.rig import DAY, HOUR, KeeperCase
from tests.doctor.running import at_once
from tests.fakes import now

HOST = "mail.example.com"


def record(key: bytes) -> TLSARecord:
    """The TLSA record of a key."""
    return TLSARecord(3, 1, 1, hashlib.sha256(public_of(key)).digest())


class NextKeyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.data = self.mktemp()
        os.makedirs(os.path.join(self.data, FOLDER))
        self.reply: Reply[TLSARecord] = Reply(Found.NO_RECORDS)
        commit = BlockingCommitter(OperatingSystem()).commit
        self.next_keys = NextKeys(self.data, commit, at_once, self.ask)
        self.present = key_pem(make_key(KeyKind.P256))

    async def ask(self, hostname: str) -> Reply[TLSARecord]:
        return self.reply

    def made(self, kind: KeyKind = KeyKind.P256) -> bytes:
        """The next key, which is made if there is none."""
        now(self.next_keys.ensure(HOST, self.present, kind))
        found = read_next_key(self.data, HOST)
        assert found is not None
        return found

    def chosen(self, records: Sequence[TLSARecord], kind: KeyKind = KeyKind.P256) -> bytes | None:
        self.reply = Reply(Found.RECORDS if records else Found.NO_RECORDS, tuple(records))
        found: bytes | None = now(self.next_keys.choose(HOST, self.present, kind))
        return found

    def test_it_is_made_once(self) -> None:
        self.assertIsNone(read_next_key(self.data, HOST))
        first = self.made()
        self.assertNotEqual(public_of(self.present), public_of(first))
        self.assertEqual(0o600, os.stat(next_key_path(self.data, HOST)).st_mode & 0o777)
        self.assertEqual(first, self.made())
        self.present = first  # it is in use now
        self.assertNotEqual(first, self.made())

    def test_another_kind_of_key_in_the_settings(self) -> None:
        first = self.made()
        self.assertIsNone(self.chosen([], KeyKind.P384))
        self.assertNotEqual(first, self.made(KeyKind.P384))

    def test_a_damaged_file_is_replaced(self) -> None:
        with open(next_key_path(self.data, HOST), "wb") as file:
            file.write(b"no key")
        self.assertIsNone(read_next_key(self.data, HOST))
        self.made()

    def test_the_next_key_is_used_where_dns_has_its_record_or_none(self) -> None:
        made = self.made()
        other = TLSARecord(3, 1, 1, bytes(32))
        for records in (
            [],
            [record(made)],
            [record(self.present), record(made)],
            [other],
            [TLSARecord(2, 0, 1, bytes(32))],
        ):
            self.assertEqual(made, self.chosen(records), records)

    def test_the_present_key_is_used_again_while_dns_lacks_the_next(self) -> None:
        self.made()
        self.assertEqual(self.present, self.chosen([record(self.present)]))
        self.reply = Reply(Found.FAILED, trouble="SERVFAIL")
        self.assertEqual(self.present, now(self.next_keys.choose(HOST, self.present, KeyKind.P256)))


class RenewalTests(KeeperCase):
    """Certificates over months."""

    tlsa: list[TLSARecord] | None = []

    def setUp(self) -> None:
        super().setUp()
        self.tlsa = []
        self.make()
        self.start()

    def key(self) -> bytes:
        """The present key of the host."""
        (found,) = (e for e in self.folder.read().certificates if e.name == "mx.a.example")
        return public_of(found.files.pem.key)

    def next_key(self) -> bytes:
        found = read_next_key(self.data, "mx.a.example")
        assert found is not None
        return public_of(found)

    def renew(self) -> None:
        """Let time pass until the certificate was renewed."""
        count = len(self.ordered)
        for _ in range(90):
            self.wait(DAY, 6 * HOUR)
            self.wait(60, 1.0)  # for an order that began at the end of the day
            if [each for each in self.ordered[count:] if each == ["mx.a.example"]]:
                return
        self.fail("it was not renewed")

    def test_each_key_is_known_before_it_is_used(self) -> None:
        for _ in range(2):
            coming = self.next_key()
            self.assertNotEqual(self.key(), coming)
            self.renew()
            self.assertEqual(coming, self.key())
        self.assertIsNone(read_next_key(self.data, "a.example"))

    def test_the_key_stays_while_dns_has_the_record_of_the_present_one_alone(self) -> None:
        present, coming = self.key(), self.next_key()
        self.tlsa = [TLSARecord(3, 1, 1, hashlib.sha256(present).digest())]
        self.renew()
        self.assertEqual((present, coming), (self.key(), self.next_key()))
        self.tlsa.append(TLSARecord(3, 1, 1, hashlib.sha256(coming).digest()))
        self.renew()
        self.assertEqual(coming, self.key())
        self.assertNotEqual(coming, self.next_key())
