"""Packets of a filter that speaks the milter protocol, and what it changes with them."""

from __future__ import annotations

from contextlib import suppress

from mailhost.milter.codec import MilterFailed, Packet, PacketReader, pack
from mailhost.milter.edits import AddField, ChangeField, EditCollector, InsertField, ReplaceBody
from mailhost.milter.negotiation import ALL_ACTIONS, OFFER, NegotiatedTerms, agree, parse_options
from mailhost.milter.replies import BareReply, ReplyCode, parse_reply
from mailhost.milter.verdict import MilterVerdict, verdict_of
from mailhost.smtp.server.reply import encode_reply
from tests.fuzz.cutting import result_of_any_cut

LARGEST = 300  # octets of a packet that are read
MOST_CHANGED = 2000  # octets of all that a filter changes


def target(data: bytes) -> None:
    packets, fault = result_of_any_cut(data, _read)
    assert fault.isprintable()
    assert b"".join(map(pack, packets)) == data[: sum(5 + len(each.data) for each in packets)]
    collector = EditCollector(
        NegotiatedTerms(6, ALL_ACTIONS, OFFER.protocol_flags), ALL_ACTIONS, MOST_CHANGED
    )
    for packet in packets:
        assert len(packet.letter) == 1
        assert len(packet.data) <= LARGEST
        with suppress(MilterFailed):
            options = parse_options(packet)
            assert parse_options(options.packet()) == options
            agree(OFFER, options)
        with suppress(MilterFailed):
            _reply(packet, collector)
    _check_edits(collector)


def _read(blocks: list[bytes]) -> tuple[list[Packet], str]:
    reader = PacketReader(LARGEST)
    packets = [packet for block in blocks for packet in reader.feed(block)]
    return packets, reader.fault


def _reply(packet: Packet, collector: EditCollector) -> None:
    reply = parse_reply(packet)
    written = reply.packet()  # a NUL that the filter put into a string is left out
    assert parse_reply(written).packet() == written
    if isinstance(reply, BareReply | ReplyCode) and reply is not BareReply.PROGRESS:
        _check_verdict(verdict_of(reply))
    if not isinstance(reply, BareReply | ReplyCode):
        collector.add(reply)


def _check_verdict(verdict: MilterVerdict) -> None:
    """A client gets a refusal, in lines that can be printed."""
    status = verdict.status
    if status is not None:
        assert status.temporary or status.permanent
        assert all(line.isprintable() for line in status.text.split("\n")), status
        encode_reply(status)


def _check_edits(collector: EditCollector) -> None:
    """No value ends its field, no line of a body ends in anything but CRLF."""
    edits = collector.finish()
    for change in edits.changes:
        if isinstance(change, AddField | InsertField | ChangeField):
            lines = (change.value or b" ").split(b"\r\n")
            assert all(line[:1] in (b" ", b"\t") for line in lines[1:]), change
            assert all(line.strip() for line in lines[1:]), change
            assert b"\n" not in b"".join(lines), change
            assert b"\r" not in b"".join(lines), change
            assert not set(change.name) & set(b": \r\n\0"), change
        if isinstance(change, ReplaceBody):
            assert b"\n" not in change.octets.replace(b"\r\n", b"")
            assert len(change.octets) <= 2 * MOST_CHANGED + 2
