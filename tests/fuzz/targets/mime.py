"""Whole messages: the tree of parts, attachments, added words (RFC 2046)."""

from __future__ import annotations

from mailhost.message.mime.attachments import AttachedPart, attachments, rename, strip
from mailhost.message.mime.disclaimer import AddedText, append, prepend
from mailhost.message.mime.kinds import kind_of
from mailhost.message.mime.structure import Limits, Part, parse

TINY = Limits(depth=3, parts=8, lines=40, fields=300, messages=True)
MOST_PARTS = 2000
NOTICE = "An attachment was removed.\nAsk the postmaster."
WORDS = AddedText("-- \nWords of ours: äöü", "<p>Words of ours</p>")


def target(data: bytes) -> None:
    for limits in (Limits(), Limits(messages=True), TINY):
        _check_tree(parse(data, limits), 0, len(data))
    bounded = [part for _, part in parse(data, TINY).walk()]
    assert len(bounded) <= TINY.parts + 1
    found = list(attachments(data))
    for each in found:
        assert each.kind == kind_of(each.head)
        assert len(each.head) <= each.size
    _check_stripped(data, found)
    _check_renamed(data, found)
    _check_words(data)


def _check_tree(part: Part, start: int, end: int) -> None:
    """Parts lie within the part around them, one behind the other."""
    assert start <= part.start <= part.body <= part.end <= end, part
    at = part.start
    for each in part.parts:
        assert part.body <= each.start or part.type.startswith("message/"), part
        _check_tree(each, at, part.end)
        at = each.end


def _check_stripped(data: bytes, found: list[AttachedPart]) -> None:
    """Stripped attachments are gone."""
    if any(
        each.path == outer.path[: len(each.path)]
        for each in found
        for outer in found
        if each is not outer
    ):
        return  # one is within another: the filter takes the outer one alone
    stripped = strip(data, found, lambda _: NOTICE)
    if not found:
        assert stripped is data
    if parse(data).whole:
        assert list(attachments(stripped)) == [], stripped


def _check_renamed(data: bytes, found: list[AttachedPart]) -> None:
    if not parse(data).whole or any(each.part.parts for each in found):
        return
    renamed = rename(data, [(each, "a.txt") for each in found])
    for each in attachments(renamed):
        assert set(each.names) == {"a.txt"}, (each.names, renamed)


def _check_words(data: bytes) -> None:
    """Words are added without a change of the tree, or there is a reason why not."""
    for edit in (append, prepend):
        edited = edit(data, WORDS)
        if edited.message is None:
            assert edited.reason
            continue
        assert len(edited.message) <= 10 * len(data) + 2000
        before = [(path, part.type) for path, part in parse(data).walk()]
        after = [(path, part.type) for path, part in parse(edited.message).walk()]
        assert after == before, edited.message
