"""The table of mechanisms, and properties that all of them have."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from zope.interface.verify import verifyObject

from mailhost.interfaces.logins import Challenge, ISASLMechanism
from mailhost.message.client import Client
from mailhost.message.status import Status
from mailhost.net.sasl.mechanisms import MECHANISMS, new_mechanism
from tests.net.sasl.fakes import SECURE, MechanismCase, step


class Names(MechanismCase):
    def test_all_are_mechanisms(self) -> None:
        for name in MECHANISMS:
            verifyObject(ISASLMechanism, self.begin(name))

    def test_case_does_not_matter(self) -> None:
        self.begin("plain")

    def test_what_is_not_offered_is_not_made(self) -> None:
        self.assertIsNone(new_mechanism("CRAM-MD5", SECURE, self.authenticator))
        for name in MECHANISMS:
            self.assertIsNone(new_mechanism(name, Client("192.0.2.1"), self.authenticator))


class Anything(MechanismCase):
    @settings(deadline=None)
    @given(
        st.sampled_from(sorted(MECHANISMS)),
        st.lists(
            st.binary() | st.sampled_from([b"n,,n=a,r=b", b"c=biws,r=b", b"\0a\0b"]), max_size=4
        ),
    )
    def test_no_bytes_crash_a_mechanism(self, name: str, responses: list[bytes]) -> None:
        mechanism = self.begin(name)
        for response in responses:
            answer = step(mechanism, response)
            self.assertIsInstance(answer, Challenge | Status)
            if isinstance(answer, Status):
                return
