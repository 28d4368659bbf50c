"""Filters that find nothing to edit leave any octets unchanged."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.filters.edit import Header, Rewrite, Strip, Subject
from mailhost.interfaces.filters import FilterFailed, IFilter
from mailhost.interfaces.verdict import PASS
from mailhost.message.mime.structure import Limits, parse
from mailhost.reception.filters.edit.header import HeaderFilter, SubjectFilter
from mailhost.reception.filters.edit.rewrite import RewriteFilter
from mailhost.reception.filters.edit.strip import StripFilter
from mailhost.reception.filters.whole_messages import WholeMessages
from tests.message.mime.messages import broken, messages
from tests.queue.fakes import here
from tests.reception.filters.mails import message

few = settings(deadline=None)


some = messages | broken | st.binary(max_size=100)


WHOLE_MESSAGES = WholeMessages("/nowhere", 1 << 20, here)


IDLE: tuple[IFilter, ...] = (
    HeaderFilter(Header(kind="header", remove=("X-Not-There",)), WHOLE_MESSAGES),
    StripFilter(
        Strip(kind="strip", names=("*.nothing",), types=("elf", "model/*")), WHOLE_MESSAGES
    ),
    RewriteFilter(Rewrite(kind="rewrite", senders={"not@there.example": "a@b.example"})),
)


class FilterTests(SynchronousTestCase):
    """Filters that edit."""

    @few
    @given(some)
    def test_filters_that_find_nothing_pass_the_same_object(self, octets: bytes) -> None:
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
        filter = SubjectFilter(Subject(kind="subject", prefix="[EXTERN]"), WHOLE_MESSAGES)
        first: Any = self.successResultOf(Deferred.fromCoroutine(filter.look(message(octets))))
        again = filter.look(message(first.mail.content.read()))
        self.assertIs(self.successResultOf(Deferred.fromCoroutine(again)), PASS)
