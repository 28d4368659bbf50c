"""Each metric from the events or the state that it shows, parsed back."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.batch_times import BOUNDS, BatchCounts
from mailhost.interfaces.count_reasons import FAULT_PARTS
from mailhost.interfaces.counts import CONNECTIONS, HANDSHAKES, LOOK_UPS
from mailhost.interfaces.events import CountKey, Faulted, LoggedIn, Reported
from mailhost.observe.counts import Counts
from mailhost.observe.metrics.from_counts import EVENT_ROWS, FILTER_ACTIONS, from_counts
from mailhost.observe.metrics.from_state import STATE_METRICS, from_state
from mailhost.observe.metrics.metric import Kind
from mailhost.observe.metrics.processes import ProcessUse
from mailhost.observe.metrics.snapshot import DiskState, ProcessState, Snapshot
from mailhost.observe.metrics.text import PART, text_of
from mailhost.queue.census import CountedState, StateCount
from tests.fakes import now
from tests.observe.metrics.pages import Page, families
from tests.observe.samples import ANN, CLIENT, KEYS

NOTHING = Snapshot(now=1000.0, sessions={"smtp": 0, "imap": 0})


def after_all_events() -> Page:
    """The page after one event of each kind."""
    counts = Counts()
    for event, _ in KEYS:
        counts.emit(event)
    return Page(replace(NOTHING, events=counts.events, filters=counts.filters))


class CountTests(SynchronousTestCase):
    def test_the_events_of_a_kind_are_counted_by_one_metric(self) -> None:
        twice = [event for event, rows in Counter(e.event for e in EVENT_ROWS).items() if rows > 1]
        self.assertEqual(twice, [])

    def test_one_event_of_each_kind(self) -> None:
        page = after_all_events()
        for name, labels, value in (
            ("received_messages", {"protocol": "submission"}, 1),
            ("received_bytes", {"protocol": "submission"}, 5),
            (
                "refusals",
                {"protocol": "submission", "class": "5xx", "reason": "recipient"},
                1,
            ),
            ("refusals", {"protocol": "submission", "class": "4xx", "reason": "storage"}, 1),
            ("delivery_attempts", {"fate": "delivered"}, 1),
            ("delivery_attempts", {"fate": "delayed"}, 1),
            ("sender_authentications", {"protocol": "submission", "dmarc": "pass"}, 1),
            ("passed_on_messages", {}, 1),
            ("queued_messages", {"state": "waiting"}, 1),
            ("queued_messages", {"state": "quarantined"}, 1),
            ("reports", {"kind": "bounce"}, 1),
            ("parked_messages", {}, 1),
            ("logins", {"protocol": "submission", "mechanism": "PLAIN"}, 1),
            (
                "login_failures",
                {"protocol": "submission", "mechanism": "PLAIN", "class": "5xx"},
                1,
            ),
            ("web_responses", {"protocol": "https", "class": "2xx"}, 1),
            ("faults", {"part": "other"}, 1),
        ):
            self.assertEqual(value, page.value(f"mailhost_{name}_total", **labels), name)

    def test_tls_sessions_with_other_hosts(self) -> None:
        results = ("success", "certificate-expired")
        counts = {CountKey("tls session", "sts", result): 1 for result in results}
        page = Page(replace(NOTHING, events=counts))
        for result in results:
            found = page.value("mailhost_relay_tls_sessions_total", policy="sts", result=result)
            self.assertEqual(1, found)

    def test_what_is_no_event(self) -> None:
        counts = Counts()
        counts.count(CountKey(CONNECTIONS, "smtp"), 3)
        counts.count(CountKey(HANDSHAKES, "smtp", "TLSv1.3"))
        counts.count(CountKey(LOOK_UPS, "", "not found"))
        counts.add("own", "would reject")
        page = Page(replace(NOTHING, events=counts.events, filters=counts.filters))
        for name, labels, value in (
            ("connections", {"protocol": "smtp"}, 3),
            ("connections", {"protocol": "imap"}, 0),
            ("client_tls_handshakes", {"protocol": "smtp", "version": "TLSv1.3"}, 1),
            ("dns_lookups", {"result": "not_found"}, 1),
            ("dns_lookups", {"result": "failed"}, 0),
            ("filter_actions", {"filter": "own", "action": "would_reject"}, 1),
        ):
            self.assertEqual(value, page.value(f"mailhost_{name}_total", **labels), name)

    def test_zeros_are_there_before_the_first_event(self) -> None:
        page = Page(NOTHING)
        self.assertEqual(0, page.value("mailhost_received_messages_total", protocol="smtp"))
        self.assertIsNone(page.value("mailhost_received_messages_total", protocol="imap"))
        for part in FAULT_PARTS:
            self.assertEqual(0, page.value("mailhost_faults_total", part=part))
        self.assertEqual(0, page.value("mailhost_delivery_attempts_total", fate="relayed"))

    def test_no_server_behind_a_proxy_makes_labels(self) -> None:
        counts = Counts()
        for number in range(1000):
            counts.emit(LoggedIn(CLIENT, ANN, f"X-{number}"))
        page = Page(replace(NOTHING, events=counts.events))
        (labels,) = page.labels("mailhost_logins_total")
        self.assertEqual("other", labels["mechanism"])

    def test_faults_of_one_part_are_added_up(self) -> None:
        counts = Counts()
        for where in ("worker 1", "worker 2", "workers"):
            counts.emit(Faulted(where, "died"))
        page = Page(replace(NOTHING, events=counts.events))
        self.assertEqual(3, page.value("mailhost_faults_total", part="workers"))

    def test_every_count_of_an_event_is_shown_or_left_out_knowingly(self) -> None:
        shown = {row.event for row in EVENT_ROWS}
        counted = {event.key.event for event, _ in KEYS}
        left_out = {
            "commanded",
            "notice",
            "diagnosed",
            "identified",
            "unsigned",
            "filtered",
            "warned",
        }
        explanation = "add a row to EVENT_ROWS, or the kind of event here"
        self.assertEqual(left_out, counted - shown, explanation)


class StateTests(SynchronousTestCase):
    def test_sessions_and_queue(self) -> None:
        census = {
            CountedState.DEFERRED: StateCount(3, 400.0),
            CountedState.PARKED: StateCount(1, None),
        }
        page = Page(replace(NOTHING, sessions={"smtp": 7}, most_sessions=500, queue=census))
        self.assertEqual(7, page.value("mailhost_sessions", protocol="smtp"))
        self.assertEqual(500, page.value("mailhost_sessions_limit"))
        self.assertEqual(3, page.value("mailhost_queue_messages", state="deferred"))
        self.assertEqual(600, page.value("mailhost_queue_oldest_age_seconds", state="deferred"))
        for state in CountedState:
            self.assertIsNotNone(page.value("mailhost_queue_messages", state=state.value))
        self.assertEqual(0, page.value("mailhost_queue_oldest_age_seconds", state="parked"))

    def test_processes(self) -> None:
        use = ProcessUse(1.5, 40_000_000, 12, 1024, 900.0)
        states = (
            ProcessState("head", lag=0.25, use=use),
            ProcessState("worker1", answers=False),
            ProcessState("writer"),
        )
        page = Page(replace(NOTHING, processes=states, wanted_workers=1))
        for name, value in (
            ("answers", 1),
            ("cpu_seconds_total", 1.5),
            ("resident_memory_bytes", 40_000_000),
            ("open_fds", 12),
            ("max_fds", 1024),
            ("start_time_seconds", 900),
        ):
            self.assertEqual(value, page.value(f"mailhost_process_{name}", process="head"), name)
        self.assertEqual(0.25, page.value("mailhost_reactor_lag_seconds", process="head"))
        self.assertEqual(0, page.value("mailhost_process_answers", process="worker1"))
        self.assertEqual(1, page.value("mailhost_workers_wanted"))
        self.assertIsNone(page.value("mailhost_process_open_fds", process="worker1"))

    def test_the_batches_of_the_writer(self) -> None:
        buckets = (2, 1, *(0,) * (len(BOUNDS) - 3), 4)
        page = Page(replace(NOTHING, writer=BatchCounts((*buckets, 5), 60.5, 99)))
        name = "mailhost_writer_batch_seconds"
        for bound, count in (("0.001", 2), ("0.0025", 3), ("5.0", 3), ("10.0", 7), ("+Inf", 12)):
            self.assertEqual(count, page.value(f"{name}_bucket", le=bound), bound)
        self.assertEqual(12, page.value(f"{name}_count"))
        self.assertEqual(60.5, page.value(f"{name}_sum"))
        self.assertEqual(99, page.value("mailhost_writer_changes_total"))

    def test_disk_certificates_and_build(self) -> None:
        build = {"version": "1", "python": "3.11", "twisted": "26", "openssl": "OpenSSL 3"}
        page = Page(
            replace(
                NOTHING,
                started=77.0,
                disk=DiskState(1000, 100, 50, 5),
                certificates={"mx.example.com": 5e9},
                build=build,
            )
        )
        self.assertEqual(1, page.value("mailhost_build_info", **build))
        self.assertEqual(77, page.value("mailhost_start_time_seconds"))
        self.assertEqual(1000, page.value("mailhost_disk_size_bytes"))
        self.assertEqual(100, page.value("mailhost_disk_free_bytes"))
        self.assertEqual(50, page.value("mailhost_disk_inodes"))
        self.assertEqual(5, page.value("mailhost_disk_free_inodes"))
        expiry = "mailhost_certificate_expiry_timestamp_seconds"
        self.assertEqual(5e9, page.value(expiry, name="mx.example.com"))

    def test_a_disk_that_does_not_answer_has_no_values(self) -> None:
        self.assertIsNone(Page(NOTHING).value("mailhost_disk_size_bytes"))


class FormTests(SynchronousTestCase):
    def test_names_are_as_prometheus_wants_them(self) -> None:
        metrics = [metric for metric, _ in (*from_counts(NOTHING), *from_state(NOTHING))]
        names = [metric.name for metric in metrics]
        self.assertEqual(len(names), len(set(names)))
        for metric in metrics:
            self.assertRegex(metric.name, r"^mailhost_[a-z_]+$")
            self.assertEqual(metric.kind is Kind.COUNTER, metric.name.endswith("_total"))
            self.assertIsNone(re.search("milli|minutes|_ms_|_kb_|octets", metric.name))
            self.assertRegex(metric.meaning, r"^[A-Z0-9].*[.]$")
        self.assertEqual(
            [*(row.metric for row in EVENT_ROWS), FILTER_ACTIONS, *STATE_METRICS], metrics
        )

    def test_each_metric_has_its_type_and_help_once(self) -> None:
        page = after_all_events().text
        kinds = Counter(re.findall(r"(?m)^# TYPE (\S+)", page))
        helps = Counter(re.findall(r"(?m)^# HELP (\S+)", page))
        self.assertEqual(kinds, helps)
        self.assertEqual({1}, set(kinds.values()))
        self.assertNotIn("_created", page)

    @given(st.text(), st.text())
    def test_any_text_is_a_label(self, name: str, action: str) -> None:
        """Names of filters, and of certificates, are what the operator wrote."""
        page = Page(
            replace(NOTHING, filters={(name, action): 3}, certificates={name: 1.0, "b": 2.0})
        )
        shown = {"filter": name, "action": action.replace(" ", "_")}
        self.assertEqual(3, page.value("mailhost_filter_actions_total", **shown))
        families_found = {family.name for family in families(page.text)}
        self.assertEqual(len(EVENT_ROWS) + 1 + len(STATE_METRICS), len(families_found))

    def test_a_large_page_is_printed_in_parts(self) -> None:
        filters = {(f"filter{number}", "asked"): 1 for number in range(PART + 1)}
        pauses: list[None] = []

        async def pause() -> None:
            pauses.append(None)

        now(text_of(replace(NOTHING, filters=filters), pause))
        self.assertLessEqual(1, len(pauses))

    def test_reports_of_all_kinds(self) -> None:
        counts = Counts()
        counts.emit(Reported("id", "delay warning", ANN))
        page = Page(replace(NOTHING, events=counts.events))
        self.assertEqual(1, page.value("mailhost_reports_total", kind="delay_warning"))
