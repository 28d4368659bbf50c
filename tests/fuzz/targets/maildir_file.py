"""Files that other tools put into a Maildir: the first line of a case is a name, the rest a file's
octets, whose lines may end in LF."""

from __future__ import annotations

from mailhost.message.content import Content
from mailhost.net.dot_stuffing import stuffed
from mailhost.pop3.reply import top
from mailhost.smtp.server.dot_unstuffing import DotReader
from mailhost.store.maildir.filename import arrival, parse_name, unique_id
from mailhost.store.maildir.lines import bare_feeds, has_bare_feed, with_crlf
from tests.fuzz.cutting import result_of_any_cut


def target(data: bytes) -> None:
    name, _, octets = data.partition(b"\n")
    _check_name(name.decode("utf-8", "surrogateescape"))
    result_of_any_cut(octets, _converted)
    result_of_any_cut(octets, lambda blocks: b"".join(top(blocks, 2)))
    wire = result_of_any_cut(octets, lambda blocks: b"".join(stuffed(blocks)))
    read, rest = DotReader().read(wire)
    assert rest == b""
    assert read in (octets, octets + b"\r\n")


def _check_name(name: str) -> None:
    parts = parse_name(name)
    if parts is None:
        return
    assert parts.unique
    assert name.startswith(parts.unique)
    assert not set(parts.unique) & set(":,")
    for size in (parts.size, parts.wire_size):
        assert size is None or 0 <= size < 10**18
    identity = unique_id(parts.unique)
    assert identity.isascii()
    assert identity.isprintable()
    assert 0 < len(identity) <= 70
    assert " " not in identity
    arrival(parts.unique)


def _converted(blocks: list[bytes]) -> bytes:
    """The octets with CRLF; the count of LFs that lack a CR is what it grew by."""
    content = Content(tuple(blocks))
    converted = with_crlf(content, "/nowhere").read()
    count = bare_feeds(content)
    assert has_bare_feed(content) is bool(count)
    assert len(converted) == content.size + count
    assert bare_feeds(Content((converted,))) == 0
    return converted
