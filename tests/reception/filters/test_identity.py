"""Nothing to edit, nothing changed: whatever the octets of a message, good or broken."""

from __future__ import annotations

from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.filters.edit import Header, Rewrite, Strip, Subject
from mailhost.interfaces.filters import FilterFailed, IFilter
from mailhost.interfaces.verdict import PASS
from mailhost.message.content import Content
from mailhost.message.mime.structure import Limits, parse
from mailhost.milter.editing import edited
from mailhost.milter.edits import AddField, ChangeField, Edits, InsertField, ReplaceBody
from mailhost.reception.filters.edit.header import HeaderFilter, SubjectFilter
from mailhost.reception.filters.edit.rewrite import RewriteFilter
from mailhost.reception.filters.edit.strip import StripFilter
from mailhost.reception.filters.whole_messages import WholeMessages
from tests.message.mime.messages import broken, messages
from tests.queue.fakes import here
from tests.reception.filters.mails import message

few = settings(deadline=None)
some = messages | broken | st.binary(max_size=100)
BENCH = WholeMessages("/nowhere", 1 << 20, here)
IDLE: tuple[IFilter, ...] = (
    HeaderFilter(Header(kind="header", remove=("X-Not-There",)), BENCH),
    StripFilter(Strip(kind="strip", names=("*.nothing",), types=("elf", "model/*")), BENCH),
    RewriteFilter(Rewrite(kind="rewrite", senders={"not@there.example": "a@b.example"})),
)


class FilterTests(SynchronousTestCase):
    """Filters of ours."""

    @few
    @given(some)
    def test_who_finds_nothing_passes_the_very_same(self, octets: bytes) -> None:
        for filter in IDLE:
            looking: Any = filter.look(message(octets))
            if isinstance(filter, RewriteFilter):
                self.assertIs(looking, PASS)
            elif isinstance(filter, StripFilter) and not parse(octets, Limits(messages=True)).whole:
                self.failureResultOf(Deferred.fromCoroutine(looking), FilterFailed)
            else:
                verdict = self.successResultOf(Deferred.fromCoroutine(looking))
                if "differently" not in verdict.reason:
                    self.assertIs(verdict, PASS)

    @few
    @given(some)
    def test_a_tagged_subject_is_not_tagged_again(self, octets: bytes) -> None:
        filter = SubjectFilter(Subject(kind="subject", prefix="[EXTERN]"), BENCH)
        first: Any = self.successResultOf(Deferred.fromCoroutine(filter.look(message(octets))))
        again = filter.look(message(first.mail.content.read()))
        self.assertIs(self.successResultOf(Deferred.fromCoroutine(again)), PASS)


class MilterTests(SynchronousTestCase):
    """Edits of milters."""

    @few
    @given(some)
    def test_no_edit(self, octets: bytes) -> None:
        for edits in (Edits(), Edits((ChangeField(1, b"X-Not-There", None),))):
            content = whole(octets)
            self.assertIs(edited(content, edits), content)

    @few
    @given(some)
    def test_a_field_more(self, octets: bytes) -> None:
        assume(well(octets))
        header = whole(octets).header()
        added = edited(whole(octets), Edits((AddField(b"X-New", b" 1"),))).read()
        self.assertEqual(added, header + b"X-New: 1\r\n" + octets[len(header) :])
        first = edited(whole(octets), Edits((InsertField(0, b"X-New", b" 1"),))).read()
        self.assertEqual(first, b"X-New: 1\r\n" + octets)

    @few
    @given(some)
    def test_another_body(self, octets: bytes) -> None:
        header = whole(octets).header()
        new = edited(whole(octets), Edits((ReplaceBody(b"new\r\n"),))).read()
        line_end = b"" if header.endswith(b"\r\n") or not header else b"\r\n"
        self.assertEqual(new, header + line_end + b"\r\nnew\r\n")


def whole(octets: bytes) -> Content:
    """The octets as a message."""
    return Content((octets,))


def well(octets: bytes) -> bool:
    """True for a header of fields alone, as far as its last line."""
    return octets.startswith((b"Received:", b"\r\n"))
