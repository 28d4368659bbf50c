"""The errors of a session are counted; too many end it."""

from __future__ import annotations

from mailhost.pop3.replies import MOST_ERRORS
from tests.pop3.session_case import SessionCase


class ErrorTests(SessionCase):
    def test_too_many_errors_end_it(self) -> None:
        said = self.say(*["XYZZY"] * (MOST_ERRORS + 5))
        self.assertEqual(MOST_ERRORS + 1, said.count("-ERR"))
        self.assertTrue(self.wire.hung_up)
