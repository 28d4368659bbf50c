"""Times of renewals, further attempts and warnings."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.certificates.authority import seconds_of
from mailhost.certificates.schedule import (
    DAY,
    FIRST_RETRY,
    LONGEST_RETRY,
    failed,
    in_window,
    is_late,
    warning_level,
    without_window,
)
from mailhost.certificates.state import (
    NEVER_FAILED,
    Retry,
    Schedule,
    State,
    from_json,
    to_json,
)
from mailhost.certificates.values import Window

CHANCES = st.floats(0, 1)
NOW = 1_800_000_000.0


class RetryTests(SynchronousTestCase):
    @given(st.lists(CHANCES, min_size=1, max_size=60), st.floats(0, 90 * DAY))
    def test_each_wait_is_bounded(self, chances: list[float], left: float) -> None:
        retry = NEVER_FAILED
        for chance in chances:
            retry = failed(retry, "why", NOW, chance, left=left)
            self.assertTrue(FIRST_RETRY * 0.75 <= retry.next - NOW <= LONGEST_RETRY)
        self.assertEqual(len(chances), retry.failures)

    @given(CHANCES, st.floats(0, 30 * DAY))
    def test_the_authority_may_ask_for_more(self, chance: float, wait: float) -> None:
        self.assertGreaterEqual(failed(NEVER_FAILED, "why", NOW, chance, wait).next, NOW + wait)

    def test_a_certificate_that_ends_soon_is_tried_more_often(self) -> None:
        often = failed(Retry(10), "why", NOW, 0.5, left=DAY / 2)
        self.assertEqual(DAY / 12, often.next - NOW)


class RenewalTests(SynchronousTestCase):
    @given(CHANCES, st.floats(DAY / 4, 400 * DAY))
    def test_at_about_two_thirds_of_the_life(self, chance: float, life: float) -> None:
        share = (without_window(NOW, NOW + life, chance) - NOW) / life
        self.assertTrue(0.62 < share < 0.71)

    @given(CHANCES, CHANCES)
    def test_a_window_keeps_its_time(self, one: float, other: float) -> None:
        start, end = datetime.fromtimestamp(NOW, UTC), datetime.fromtimestamp(NOW + DAY, UTC)
        first = in_window(Schedule("d", NOW), Window(start, end, 3600), NOW, one)
        self.assertTrue(NOW <= first.renew <= NOW + DAY)
        self.assertEqual((NOW + 3600, "d"), (first.ask, first.directory))
        again = in_window(first, Window(start, end, 3600), NOW, other)
        self.assertEqual(first.renew, again.renew)

    def test_the_next_question_is_bounded(self) -> None:
        start, end = datetime.fromtimestamp(NOW, UTC), datetime.fromtimestamp(NOW + DAY, UTC)
        for wait, found in ((0, 60), (10 * DAY, DAY)):
            schedule = in_window(Schedule(), Window(start, end, wait), NOW, 0.5)
            self.assertEqual(NOW + found, schedule.ask)

    def test_retry_after(self) -> None:
        self.assertEqual([120.0, 0.0, 0.0], [*map(seconds_of, ("120", "", "soon"))])
        self.assertEqual(7 * DAY, seconds_of("99999999"))
        self.assertEqual(0.0, seconds_of("Fri, 31 Dec 1999 23:59:59 GMT"))
        self.assertEqual(7 * DAY, seconds_of("Fri, 31 Dec 2199 23:59:59 GMT"))


class WarningTests(SynchronousTestCase):
    def test_levels(self) -> None:
        for life, days in (
            (90 * DAY, {15: 0, 13: 1, 2.9: 2, 0.9: 3, 0: 4, -5: 4}),
            (6 * DAY, {2: 0, 1.4: 1, 0.4: 2, 0.1: 3, 0: 4}),
        ):
            for left, level in days.items():
                found = warning_level(NOW, NOW + life, NOW + life - left * DAY)
                self.assertEqual(level, found, (life, left))

    def test_the_last_week(self) -> None:
        self.assertFalse(is_late(NOW, NOW + 90 * DAY, NOW + 82 * DAY))
        self.assertTrue(is_late(NOW, NOW + 90 * DAY, NOW + 84 * DAY))
        self.assertFalse(is_late(NOW, NOW + 6 * DAY, NOW + 5 * DAY))


class StateTests(SynchronousTestCase):
    def test_round_trip(self) -> None:
        state = State().with_schedule("a", Schedule("d", 1.5, warned=2)).with_name("b", Retry(3))
        state = state.with_attempt("a", Retry(1, 2, 3, "why")).with_directory("d", Retry(4))
        self.assertEqual(state, from_json(to_json(state)))
        gone = state.without("a").with_name("b", NEVER_FAILED).with_directory("d", NEVER_FAILED)
        self.assertEqual(State(), gone)

    @given(st.one_of(st.binary(), st.sampled_from([b"{}", b"[]", b'{"version": 2}', b"null"])))
    def test_damaged_files(self, octets: bytes) -> None:
        self.assertEqual(State(), from_json(octets))
