"""Tag lists, and what is none."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.tag_list import BadTagList, parse_tags, without_blanks


class TagLists(SynchronousTestCase):
    def test_tags_in_order(self) -> None:
        for text, wanted in (
            ("", {}),
            (" ", {}),
            ("v=1", {"v": "1"}),
            ("v=1;", {"v": "1"}),
            (" v = 1 ;\r\n\tb_2=a b=c ; p= ", {"v": "1", "b_2": "a b=c", "p": ""}),
            ("A=1;a=2", {"A": "1", "a": "2"}),
            ("n=grüße", {"n": "grüße"}),
        ):
            self.assertEqual(list(parse_tags(text).items()), list(wanted.items()), text)

    def test_what_is_none(self) -> None:
        for text in ("v", ";", "v=1;;", ";v=1", "=1", "1=1", "v=1; v=2", "v=\0", "a b=1", "v=\x7f"):
            self.assertRaises(BadTagList, parse_tags, text)

    def test_blanks(self) -> None:
        self.assertEqual(without_blanks(" a\r\n\tb c "), "abc")
