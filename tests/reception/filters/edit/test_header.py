"""Header fields and subjects are edited."""

from __future__ import annotations

from typing import Any

from mailhost.config.filters.edit import Header, Subject
from mailhost.interfaces.verdict import PASS
from mailhost.reception.filters.edit.header import HeaderFilter, SubjectFilter
from tests.fakes import now
from tests.reception.filters.edit.editing import EditCase
from tests.reception.filters.mails import message

SIMPLE = "From: a@b.example\nSubject: hello\nX-Old: 1\nx-old:\n 2\n\n.body\n"


class HeaderTests(EditCase):
    def header(self, **settings: Any) -> HeaderFilter:
        return HeaderFilter(Header(kind="header", **settings), self.whole_messages)

    def test_fields_are_removed_replaced_added(self) -> None:
        filter = self.header(remove=("x-OLD",), replace={"Subject": "neu: ü"}, add={"X-New": "1"})
        content = self.edited(filter, message(SIMPLE))
        self.assertEqual(
            content,
            b"X-New: 1\r\nFrom: a@b.example\r\nSubject: neu: =?utf-8?b?w7w=?=\r\n\r\n.body\r\n",
        )

    def test_nothing_to_do_passes(self) -> None:
        self.assertIs(now(self.header(remove=("X-Not",)).look(message(SIMPLE))), PASS)

    def test_a_subject_is_tagged_once(self) -> None:
        filter = SubjectFilter(Subject(kind="subject", prefix="[EXTERN]"), self.whole_messages)
        content = self.edited(filter, message(SIMPLE))
        self.assertIn(b"\r\nSubject: [EXTERN] hello\r\n", content)
        self.assertIs(now(filter.look(message(content))), PASS)
