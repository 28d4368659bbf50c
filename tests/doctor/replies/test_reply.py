"""Replies as people paste them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.doctor.replies.reply import Reply, parse_reply


class ParseReply(SynchronousTestCase):
    def test_codes_and_words(self) -> None:
        self.assertEqual(parse_reply("550 5.1.1 No such user"), Reply(550, "5.1.1", "No such user"))

    def test_a_line_of_a_log(self) -> None:
        found = parse_reply(
            "relay=mx.example.org[192.0.2.250]:25, delay=2.5, status=deferred "
            "(host said: 421-4.7.28 Gmail has detected an unusual rate)"
        )
        self.assertEqual((found.code, found.enhanced), (421, "4.7.28"))
        self.assertEqual(found.text, "Gmail has detected an unusual rate)")

    def test_several_lines_become_one(self) -> None:
        found = parse_reply("550-5.7.26 This mail is\r\n550-5.7.26 not\r\n550 5.7.26 trusted")
        self.assertEqual(found, Reply(550, "5.7.26", "This mail is not trusted"))

    def test_either_code_alone(self) -> None:
        self.assertEqual(parse_reply("452 try later"), Reply(452, "", "try later"))
        self.assertEqual(parse_reply("Status: 4.2.2"), Reply(0, "4.2.2", ""))

    def test_an_address_is_no_code(self) -> None:
        found = parse_reply("Messages from 198.51.100.250 were refused")
        self.assertEqual(found, Reply(0, "", "Messages from 198.51.100.250 were refused"))

    def test_a_later_attempt(self) -> None:
        self.assertTrue(parse_reply("421 later").temporary)
        self.assertTrue(parse_reply("5.7.1").permanent)
        self.assertFalse(parse_reply("250 2.0.0 OK").permanent)

    @given(st.text())
    def test_any_text_is_read(self, text: str) -> None:
        found = parse_reply(text)
        self.assertNotIn("\n", found.text)
