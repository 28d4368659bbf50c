"""Regular expressions on header and body, with a limit on the time that matching may take.

The expressions are matched with the decoded text: encoded words and transfer encodings are decoded.
The limit is for all texts of a message together. A small message is matched in the reactor's thread
for REACTOR_SECONDS at most; if that is not enough, matching is done again in a thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from time import monotonic

import regex
from zope.interface import implementer

from mailhost.config.filters.block import Match
from mailhost.interfaces.filters import FilterFailed, IFilter
from mailhost.interfaces.verdict import PASS, Mail, Stage, Verdict
from mailhost.message.content import HEADER_LIMIT, Content
from mailhost.message.header import fields, named
from mailhost.message.mime.encoded_words import decode_text, decode_words
from mailhost.message.mime.encodings import decode
from mailhost.message.mime.fields import header_of
from mailhost.message.mime.structure import parse
from mailhost.reception.filters.action import verdict_of
from mailhost.reception.filters.attached import NOT_EXAMINED
from mailhost.reception.filters.whole_messages import WholeMessages, is_small

TEXTS = ("text/plain", "text/html")
LONGEST_TEXT = 1 << 20  # characters of a text that are matched
REACTOR_SECONDS = 0.01  # of matching in the reactor's thread
LONGEST_SHOWN_MATCH = 60  # characters of the matched text in the log


@implementer(IFilter)
class MatchFilter:
    """Matches the whole header (a line for each field), one field, or the texts of the body."""

    stages = (Stage.MESSAGE,)

    def __init__(self, settings: Match, whole_messages: WholeMessages) -> None:
        self._settings = settings
        self._whole_messages = whole_messages
        self._pattern = regex.compile(settings.pattern, regex.MULTILINE)

    async def look(self, mail: Mail) -> Verdict:
        content = mail.content
        if self._settings.part != "body":
            content = content.slice(0, HEADER_LIMIT)
        try:
            found = await self._found(content)
        except TimeoutError as error:
            explanation = f"matching took longer than {self._settings.time_limit:g} seconds"
            raise FilterFailed(explanation) from error
        if not found:
            return PASS
        part = self._settings.part
        return verdict_of(
            self._settings,
            f"{part} has {found[:LONGEST_SHOWN_MATCH]!r}",
            "The content is not wanted",
        )

    async def _found(self, content: Content) -> str:
        limit = self._settings.time_limit
        if is_small(content):
            with suppress(TimeoutError):
                return self._find(content.read(), min(limit, REACTOR_SECONDS))
        return await self._whole_messages.read_apart(content, partial(self._find, seconds=limit))

    def _find(self, message: bytes, seconds: float) -> str:
        """Return the text that matched, empty for none.

        Raises TimeoutError, and FilterFailed where the message has more parts, or a larger header,
        than can be examined.
        """
        for text in _texts(self._settings.part, message):
            begun = monotonic()
            match = self._pattern.search(text[:LONGEST_TEXT], timeout=seconds, concurrent=True)
            if match is not None:
                return match[0] or "it"  # an expression may match an empty text
            seconds -= monotonic() - begun
            if seconds <= 0:
                raise TimeoutError
        return ""


def _texts(part: str, message: bytes) -> Iterator[str]:
    if part == "body":
        yield from _bodies(message)
        return
    header = header_of(message)
    if part == "header":
        yield "\n".join(
            f"{each.name.decode('ascii')}: {decode_words(each.text)}" for each in fields(header)
        )
    else:
        for field in named(header, part):
            yield decode_words(field.text)
    if len(header) >= HEADER_LIMIT:
        raise FilterFailed("the header is larger than can be examined")


def _bodies(message: bytes) -> Iterator[str]:
    root = parse(message)
    for _, each in root.walk():
        if each.type in TEXTS and not each.parts:
            octets = decode(message[each.body : each.end], each.encoding)
            yield decode_text(octets, each.parameters.get("charset", "utf-8"))
    if not root.whole:
        raise FilterFailed(f"the message has {NOT_EXAMINED}")
