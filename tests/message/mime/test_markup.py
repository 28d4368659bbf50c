"""Offsets in HTML are outside of tags, comments and elements whose content is no markup."""

from __future__ import annotations

from time import process_time

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.mime.markup import place_at_end, place_in_front

pieces = st.lists(
    st.sampled_from(
        [
            *("<html>", "</html>", "<head>", "</head>", "<body>", "</body >", "<BODY a='>'>"),
            *("<!doctype html>", "<!-- x -->", "<!--", "-->", "--!>", "<!", "<?x?>", "</>"),
            *("<script>", "</script>", "<style>", "</style a='>'>", "<title>", "</title>"),
            *("<p>", '<a b="', "<a b='", "<a b=c", "<a/b", "</", "<", ">", "'", '"', "="),
            *(" ", "\n", "Hi", "/", "<textarea>", "</textarea", "<plaintext>", "<noscript>"),
        ]
    ),
    max_size=25,
).map(lambda some: "".join(some).encode())
WORDS = b"<x-words>"


class PlaceTests(SynchronousTestCase):
    """In the tables `|` is the offset of the added text."""

    def ends(self, *texts: str) -> None:
        for text in texts:
            html = text.replace("|", "").encode()
            self.assertEqual(place_at_end(html), text.encode().index(b"|"), text)

    def begins(self, *texts: str) -> None:
        for text in texts:
            html = text.replace("|", "").encode()
            self.assertEqual(place_in_front(html), text.encode().index(b"|"), text)

    def test_at_the_end(self) -> None:
        self.ends(
            "|",
            "Hi|",
            "<p>Hi\n|",
            "<p>Hi|</body></html>\n",
            "<p>Hi|</BODY\n>",
            "<p>Hi\n|</html>",
            "<p>Hi|</body><!-- x --></html> <?x?>",
            "<p>Hi|</body></div></html>",
            "<p></body></html>Hi|</body>",
            "<p>Hi</body></html><img src=x>|",
            "<p>Hi</body></html>you|",
        )

    def test_the_end_is_in_front_of_markup_without_an_end(self) -> None:
        self.ends(
            "Hi|<!-- </body> >",
            "Hi|</body><!-- x",
            "Hi|<b a='</body>",
            'Hi|<b a="></body>',
            "Hi|<b",
            "Hi|</b ",
            "Hi|<!x",
            "Hi|<?x",
            "Hi|<style></body>",
            "Hi|<script><!--<script></script></body>",
            "Hi|<title></titles></body>",
            "Hi|<textarea></body>",
            "Hi|<plaintext></body>",
            "Hi|<style></style a='>",
        )

    def test_text_that_looks_like_an_end_tag(self) -> None:
        self.ends(
            "<!-- </body> -->Hi|",
            "<!--></body>Hi--><b>|</body>",
            "<!---></body>Hi|",
            "<!-- --!>Hi|</body>",
            "<a b='</body>'>Hi|",
            '<a b = "</body>">Hi|</body>',
            "<style></body></style>Hi|</body>",
            "<STYLE></body></Style\n>Hi|</body>",
            "<script>'</body>'<!--<script></script></body>--></script >Hi|</body>",
            "<textarea></body></textarea>Hi|",
            "< /body>Hi|",
            "Hi</bodyx>|",
            "1 < 2|</body>",
            "1 </ 2> Hi|</body>",
            "Hi |</",
            "</>Hi|</body>",
        )

    def test_quotes_outside_of_values(self) -> None:
        """Only a value is quoted (HTML, §13.2.5.33 to 37)."""
        self.ends(
            "<a b'>Hi|</body>",
            '<a ">Hi|</body>',
            "<a b=c'>Hi|</body>",
            "<a ='>Hi|</body>",
            "<a b/='>Hi|</body>",
            "<a b=''='>Hi|</body>",
            "<a =='>'>Hi|</body>",
            "<a b\n=\n'>'>Hi|</body>",
            "<a b=''c='>'>Hi|</body>",
        )
        self.ends("<a b=>Hi|</body>", "<a b= >Hi|</body>", "<a b=c/>Hi|</body>")

    def test_in_front(self) -> None:
        self.begins(
            "|",
            "|Hi",
            "|<p>Hi<body>",
            "|<body a='>Hi",
            "|<!-- <body> -->Hi",
            '<html><Body a=">" b>|Hi',
            "<body a'>|Hi",
            "<head></head>|Hi",
            "<html>|Hi",
            "<!DOCTYPE html>|Hi",
            "<!DOCTYPE html 'a>|'>Hi",
            "<?xml?><html><head><title><body></title></head>|<p>Hi<body>",
            "<html>\n<head><!-- x --><style><body></style>\n<meta a=b></head>\n<body>|Hi",
            "<head><script>'<body>'</script></head><body>|Hi",
            "<head><noscript><p></noscript></head><body>|Hi",
            "<head>|<noscript><body>Hi",
            "<template><body></template>|",
            "|<template><body>Hi",
        )

    @given(pieces)
    @example(b"<!-->")
    @example(b"<a =")
    @example(b"</html></")
    def test_text_at_the_offset_is_read_as_text(self, html: bytes) -> None:
        """A tag at the offset is read as a tag, with the same tokens in front of it."""
        for place in (place_at_end, place_in_front):
            at = place(html)
            added = html[:at] + WORDS
            self.assertEqual(place_at_end(added), len(added))

    @settings(deadline=None)
    @given(st.binary(max_size=200))
    def test_any_octets(self, html: bytes) -> None:
        for place in (place_at_end, place_in_front):
            self.assertTrue(0 <= place(html) <= len(html))

    def test_time_is_linear(self) -> None:
        for piece in (
            *(b"<", b"</", b"<!--", b"<!-->", b"<a ", b"<a b='", b"=", b"<a b=c ", b"<a>", b"'"),
            *(b"<script><!--<script>", b"<style></styl", b"<title></title ", b"<?", b"</body>"),
            *(b"<a" + b" " * 500, b" ", b"-->", b"<body", b"<noscript>"),
        ):
            html = piece * (200_000 // len(piece))
            begun = process_time()
            for text in (html, b"<a " + html, b"<script>" + html):
                place_at_end(text)
                place_in_front(text)
            self.assertLess(process_time() - begun, 3, piece)
