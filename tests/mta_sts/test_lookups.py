"""The id of a domain's policy in DNS, and the replies of policy hosts."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.dns import Found
from mailhost.mta_sts.lookups import PolicyId, find_id, policy_in_reply
from mailhost.mta_sts.policy import BadPolicy, Mode
from tests.lookups import answered

NAME = "_mta-sts.example.org"
POLICY = b"version: STSv1\nmode: enforce\nmx: mx.example.org\nmax_age: 86400\n"


class Ids(SynchronousTestCase):
    def find(self, *records: bytes) -> PolicyId:
        return answered(find_id("example.org"), {("TXT", NAME): list(records)})

    def test_one_record(self) -> None:
        self.assertEqual(PolicyId("one"), self.find(b"v=STSv1; id=one;"))
        self.assertEqual(PolicyId("one"), self.find(b"something else", b"v=STSv1; id=one"))

    def test_none_that_counts(self) -> None:
        for records in ([], [b"v=spf1 -all"], [b"v=STSv1; id=a-b"], [b"v=STSv1; id=a"] * 2):
            self.assertEqual(PolicyId(), self.find(*records))

    def test_no_answer(self) -> None:
        found = answered(find_id("example.org"), {("TXT", NAME): Found.FAILED})
        self.assertEqual(PolicyId(trouble="SERVFAIL"), found)


class Replies(SynchronousTestCase):
    def test_a_policy(self) -> None:
        self.assertIs(Mode.ENFORCE, policy_in_reply(200, "text/plain", POLICY).mode)

    def test_others(self) -> None:
        for status, media_type in ((404, "text/plain"), (302, "text/plain"), (200, "text/html")):
            self.assertRaises(BadPolicy, policy_in_reply, status, media_type, POLICY)
