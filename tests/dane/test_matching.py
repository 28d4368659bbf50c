"""Chains that TLSA records accept, and those that they do not (RFC 7672 §3)."""

from __future__ import annotations

from itertools import product
from unittest.mock import patch

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL.crypto import X509StoreContext
from twisted.trial.unittest import SynchronousTestCase

from mailhost.dane.matching import MOST_ANCHORS, MOST_CERTIFICATES, NO_MATCH, problems
from mailhost.interfaces.dns import TLSARecord
from mailhost.interfaces.tls_sessions import TLSFailure
from mailhost.net.tls.peer import Chain
from tests.authority import Authority
from tests.dane.chains import chain_of, record_of

NAME = "mx.example.org"
NAMES = (NAME, "example.org")
KINDS = tuple(product((0, 1), (0, 1, 2)))  # selectors and matching types


class MatchingCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Authority.new()
        self.middle = self.root.below()

    def kinds(self, chain: Chain, *records: TLSARecord) -> list[TLSFailure]:
        return [problem.kind for problem in problems(records, NAMES, chain)]


class OwnCertificate(MatchingCase):
    """Usage 3, DANE-EE."""

    def test_each_selector_and_matching_type(self) -> None:
        chain, other = chain_of(self.root.issue(NAME)), chain_of(self.root.issue(NAME))
        for selector, matching in KINDS:
            record = record_of(chain[0], 3, selector, matching)
            self.assertEqual([], self.kinds(chain, record))
            self.assertEqual((NO_MATCH,), problems([record], NAMES, other))

    def test_names_and_dates_do_not_matter(self) -> None:
        chain = chain_of(self.root.issue("elsewhere.example", begins=-9, ends=-1))
        self.assertEqual([], self.kinds(chain, record_of(chain[0], 3, 1, 1)))

    def test_the_certificate_of_an_authority_is_not_the_hosts_own(self) -> None:
        chain = chain_of(self.middle.issue(NAME))
        self.assertEqual([TLSFailure.TLSA_INVALID], self.kinds(chain, record_of(chain[1], 3, 1, 1)))

    def test_roll_over(self) -> None:
        old, new = chain_of(self.root.issue(NAME)), chain_of(self.root.issue(NAME))
        records = record_of(old[0], 3, 1, 1), record_of(new[0], 3, 1, 1)
        for chain in (old, new):
            self.assertEqual([], self.kinds(chain, *records))


class AnAuthority(MatchingCase):
    """Usage 2, DANE-TA."""

    def test_each_selector_and_matching_type(self) -> None:
        chain = chain_of(self.middle.issue(NAME), self.root.certificate)
        for at, (selector, matching) in product((1, 2), KINDS):
            record = record_of(chain[at], 2, selector, matching)
            self.assertEqual([], self.kinds(chain, record), (at, selector, matching))

    def test_the_recipients_domain_as_name(self) -> None:
        chain = chain_of(self.middle.issue("example.org"))
        self.assertEqual([], self.kinds(chain, record_of(chain[1], 2, 1, 1)))

    def test_another_name(self) -> None:
        chain = chain_of(self.middle.issue("mx.example.net"))
        record = record_of(chain[1], 2, 1, 1)
        self.assertEqual([TLSFailure.HOST_MISMATCH], self.kinds(chain, record))

    def test_expired(self) -> None:
        chain = chain_of(self.middle.issue(NAME, begins=-9, ends=-1))
        self.assertEqual([TLSFailure.EXPIRED], self.kinds(chain, record_of(chain[1], 2, 1, 1)))

    def test_an_authority_that_did_not_issue_the_certificate(self) -> None:
        """A stranger may send the certificate of any authority behind its own."""
        stranger = chain_of(Authority.new("Stranger").issue(NAME), self.root.certificate)
        for selector, matching in KINDS:
            record = record_of(stranger[1], 2, selector, matching)
            self.assertEqual([TLSFailure.NOT_TRUSTED], self.kinds(stranger, record))

    def test_an_authority_that_is_not_sent(self) -> None:
        chain = chain_of(self.root.issue(NAME))
        root = chain_of(self.root.issue(NAME), self.root.certificate)[1]
        self.assertEqual([TLSFailure.TLSA_INVALID], self.kinds(chain, record_of(root, 2, 1, 1)))
        self.assertEqual([], self.kinds(chain, record_of(root, 2, 0, 0)))

    def test_the_hosts_own_certificate_is_no_authority(self) -> None:
        chain = chain_of(self.root.issue(NAME))
        self.assertEqual([TLSFailure.TLSA_INVALID], self.kinds(chain, record_of(chain[0], 2, 1, 1)))

    def test_a_certificate_that_may_not_issue_others(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        (own,) = x509.load_pem_x509_certificates(self.root.issue("evil.example", key=key).chain)
        chain = chain_of(Authority(own, key, (own,)).issue(NAME))
        record = record_of(chain[1], 2, 1, 1)
        self.assertNotEqual([], self.kinds(chain, record))

    def test_one_record_of_several_is_enough(self) -> None:
        chain = chain_of(self.middle.issue(NAME))
        wrong = record_of(chain_of(Authority.new().issue(NAME))[0], 3, 1, 1)
        self.assertEqual([], self.kinds(chain, wrong, record_of(chain[1], 2, 1, 1)))


class Hostile(MatchingCase):
    def test_many_authorities_that_do_not_fit(self) -> None:
        """The time is bounded, though the records name each of them."""
        others = [Authority.new(f"Stranger {n}").certificate for n in range(MOST_CERTIFICATES)]
        chain = chain_of(self.root.issue(NAME), *others)
        records = [record_of(each, 2, 1, matching) for each in chain[1:] for matching in (1, 2)]
        with patch("mailhost.dane.matching.X509StoreContext", wraps=X509StoreContext) as verified:
            self.assertEqual([TLSFailure.NOT_TRUSTED], self.kinds(chain, *records))
        self.assertEqual(MOST_ANCHORS, verified.call_count)

    def test_no_certificate(self) -> None:
        self.assertEqual((NO_MATCH,), problems([TLSARecord(3, 1, 1, bytes(32))], NAMES, ()))

    @given(st.lists(st.binary(max_size=100), max_size=4), st.binary(max_size=40))
    def test_octets_that_are_no_certificates(self, chain: list[bytes], data: bytes) -> None:
        records = [TLSARecord(usage, 0, 0, data) for usage in (2, 3)]
        found = problems(records, NAMES, tuple(chain))
        self.assertEqual(bool(found), not (chain and chain[0] == data))
