"""A query for messages in the trace: words, a period, an outcome."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailhost.trace.rows import encode
from mailhost.trace.story import Story

LONGEST_PATTERN = 1000  # characters of a word by which SQLite finds rows
_NOT_ASCII = re.compile(r"[^ -~]+")


@dataclass(frozen=True, slots=True)
class Query:
    """`words` must all occur in what is known of a message, as whole words, in any case: an id, a
    Message-ID, an address, a domain (also as the end of a longer one), or a word of a reply.
    `since` and `until` are seconds since 1970. `outcome` is one of `marks.BY_OUTCOME`, empty for
    any."""

    words: tuple[str, ...] = ()
    since: float | None = None
    until: float | None = None
    outcome: str = ""

    def fits(self, story: Story) -> bool:
        """True if all words occur, and the outcome is that of one recipient at least."""
        if self.outcome and self.outcome not in story.outcomes:
            return False
        text = story.text if self.words else ""
        return all(_pattern(word).search(text) for word in self.words)

    @property
    def pattern(self) -> str:
        """A pattern of SQL that fits all rows with the longest word, and more rows. SQLite compares
        only ASCII letters in any case, and refuses long patterns."""
        longest = max(self.words, key=len, default="")[:LONGEST_PATTERN]
        return f"%{encode(_NOT_ASCII.sub('%', longest))[1:-1]}%"


def _pattern(word: str) -> re.Pattern[str]:
    """Return the pattern of a whole word. An address is more than its end: no letter, dot or hyphen
    stands before it. A domain is the end of a longer one, but not its beginning."""
    before = r"(?<![\w.+-])" if "@" in word[1:] else r"(?<![\w-])"
    after = r"(?![\w-]|\.\w)"
    return re.compile(before + re.escape(word) + after, re.IGNORECASE)
