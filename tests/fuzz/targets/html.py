"""Where words are put into HTML (HTML standard §13.2.5)."""

from __future__ import annotations

from mailhost.message.mime.markup import _tokens, place_at_end, place_in_front

WORDS = b"<p>Words of ours</p>"


def target(data: bytes) -> None:
    at = 0
    for token in _tokens(data):
        assert token.start == at < token.end <= len(data)
        at = token.end
    for place in (place_in_front(data), place_at_end(data)):
        assert 0 <= place <= len(data)
        _check_words(data, place)
    front, end = place_in_front(data), place_at_end(data)
    assert not data[:front].strip() or front <= max(end, front)


def _check_words(data: bytes, place: int) -> None:
    """Words at this place are markup of their own: the tokens before them stay, theirs follow."""
    before = [(each.start, each.end) for each in _tokens(data) if each.end <= place]
    text = data[:place] + WORDS + data[place:]
    found = [(each.start, each.end) for each in _tokens(text)]
    assert found[: len(before)] == before
    assert (place, place + 3) in found, (data, place)
