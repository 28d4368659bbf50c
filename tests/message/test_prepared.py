"""Prepared messages: as they are handed on, and as they are held."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.content import Content
from mailhost.message.prepared import Prepared

RECEIVED = b"Received: from x by y; z\r\n"
MESSAGE = b"Subject: x\r\n\r\nhello\r\n"


class PreparedTests(SynchronousTestCase):
    def test_the_received_field_is_on_top(self) -> None:
        message = Prepared(Content((MESSAGE,)), RECEIVED, RECEIVED, "id", "<1@x>")
        self.assertEqual(message.handed_on().read(), RECEIVED + MESSAGE)
        self.assertEqual(message.held().read(), RECEIVED + MESSAGE)

    def test_a_transparent_proxy_hands_on_the_same_octets(self) -> None:
        message = Prepared(Content((MESSAGE,)), RECEIVED, b"", "id", "<1@x>")
        self.assertIs(message.handed_on(), message.content)
        self.assertEqual(message.held().read(), RECEIVED + MESSAGE)

    def test_a_known_header_section_stays_known(self) -> None:
        content = Content((MESSAGE,)).with_known_header(b"Subject: x\r\n")
        message = Prepared(content, RECEIVED, RECEIVED, "id", "<1@x>")
        self.assertEqual(message.handed_on().known, RECEIVED + b"Subject: x\r\n")
