"""The key of the next certificate: made in advance, and used once DNS has its record."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from mailhost.certificates.folder import FOLDER
from mailhost.certificates.keys import make_key
from mailhost.certificates.next_key import NextKey, next_key_path, public_of, read_next_key
from mailhost.config.acme import KeyKind
from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.dns import Found, Reply, TLSARecord
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
        self.next_key = NextKey(self.data, HOST, commit, at_once, self.ask)
        self.present = make_key(KeyKind.P256)

    async def ask(self) -> Reply[TLSARecord]:
        return self.reply

    def made(self, kind: KeyKind = KeyKind.P256) -> bytes:
        """The next key, which is made if there is none."""
        now(self.next_key.ensure(self.present, kind))
        found = read_next_key(self.data, HOST)
        assert found is not None
        return found

    def chosen(self, records: Sequence[TLSARecord], kind: KeyKind = KeyKind.P256) -> bytes | None:
        self.reply = Reply(Found.RECORDS if records else Found.NO_RECORDS, tuple(records))
        found: bytes | None = now(self.next_key.choose(self.present, kind))
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

    def test_the_first_certificate(self) -> None:
        self.assertIsNone(now(self.next_key.choose(None, KeyKind.P256)))

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
        self.assertEqual(self.present, now(self.next_key.choose(self.present, KeyKind.P256)))
