"""Metrics that are counts of events: each row names the events, and what of their keys is a label.

The counts of all processes are added up in the head already, and those of processes that ended stay
in the sum. So these metrics never decrease until the host is started again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from mailhost.config.protocol import ListenProtocol
from mailhost.interfaces.count_reasons import FAULT_PARTS, known_mechanism
from mailhost.interfaces.counts import CONNECTIONS, HANDSHAKES, LOOK_UPS, OCTETS
from mailhost.interfaces.events import CountKey
from mailhost.message.outcome import Fate
from mailhost.observe.counts import FilterKey
from mailhost.observe.metrics.metric import Kind, Metric, Samples
from mailhost.observe.metrics.snapshot import Snapshot

Labels = tuple[str, ...]
LabelsOf = Callable[[CountKey], Labels]


def _nothing(snapshot: Snapshot) -> Iterable[Labels]:
    return ()


def _alone(snapshot: Snapshot) -> Iterable[Labels]:
    return [()]


def _each_protocol(snapshot: Snapshot) -> Iterable[Labels]:
    return [(protocol,) for protocol in snapshot.sessions]


def _each_that_takes_mail(snapshot: Snapshot) -> Iterable[Labels]:
    taking = {each.value for each in ListenProtocol if each.takes_mail}
    return [(protocol,) for protocol in snapshot.sessions if protocol in taking]


def _each_of(*words: str) -> Callable[[Snapshot], Iterable[Labels]]:
    return lambda snapshot: [(word,) for word in words]


@dataclass(frozen=True, slots=True)
class EventRow:
    """A metric of the events of a kind. `labels` makes the label values of a key. `always` are
    those that are shown with 0 before the first event, so that its rate is right."""

    metric: Metric
    event: str
    labels: LabelsOf
    always: Callable[[Snapshot], Iterable[Labels]] = _nothing


def _counter(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(name, Kind.COUNTER, meaning, labels)


EVENT_ROWS = (
    EventRow(
        _counter(
            "mailhost_connections_total", "Connections of clients that were accepted.", "protocol"
        ),
        CONNECTIONS,
        lambda key: (key.protocol,),
        _each_protocol,
    ),
    EventRow(
        _counter(
            "mailhost_client_tls_handshakes_total",
            "TLS handshakes with clients that succeeded, by TLS version.",
            "protocol",
            "version",
        ),
        HANDSHAKES,
        lambda key: (key.protocol, key.result),
    ),
    EventRow(
        _counter(
            "mailhost_received_messages_total",
            "Messages that clients sent to their end; some may have been refused then.",
            "protocol",
        ),
        "received",
        lambda key: (key.protocol,),
        _each_that_takes_mail,
    ),
    EventRow(
        _counter(
            "mailhost_received_bytes_total",
            "Octets of the messages that clients sent to their end.",
            "protocol",
        ),
        OCTETS,
        lambda key: (key.protocol,),
        _each_that_takes_mail,
    ),
    EventRow(
        _counter(
            "mailhost_refusals_total",
            "Refused connections, commands and messages. A refusal that repeats in a row within a "
            "session counts once, as in the log.",
            "protocol",
            "class",
            "reason",
        ),
        "refused",
        lambda key: (key.protocol, key.result, key.reason),
    ),
    EventRow(
        _counter(
            "mailhost_sender_authentications_total",
            "Messages of strangers by the result of DMARC.",
            "protocol",
            "dmarc",
        ),
        "authenticated",
        lambda key: (key.protocol, key.result.removeprefix("dmarc ") or "none"),
    ),
    EventRow(
        _counter("mailhost_logins_total", "Logins that succeeded.", "protocol", "mechanism"),
        "logged in",
        lambda key: (key.protocol, known_mechanism(key.result)),
    ),
    EventRow(
        _counter(
            "mailhost_login_failures_total",
            "Logins that were refused: 5xx for a wrong password, 4xx for too many failures or a "
            "fault of this host.",
            "protocol",
            "mechanism",
            "class",
        ),
        "login refused",
        lambda key: (key.protocol, key.reason, key.result),
    ),
    EventRow(
        _counter(
            "mailhost_queued_messages_total",
            "Messages that were written to the queue, or kept in quarantine by a filter.",
            "state",
        ),
        "queued",
        lambda key: (key.result or "waiting",),
        _each_of("waiting", "quarantined"),
    ),
    EventRow(
        _counter(
            "mailhost_delivery_attempts_total",
            "Attempts to deliver to a mailbox or to relay, for one recipient each, by the result.",
            "fate",
        ),
        "attempted",
        lambda key: (key.result,),
        _each_of(*(fate.value for fate in Fate)),
    ),
    EventRow(
        _counter(
            "mailhost_passed_on_messages_total",
            "Messages that the server behind the proxy accepted.",
        ),
        "passed on",
        lambda key: (),
        _alone,
    ),
    EventRow(
        _counter(
            "mailhost_relay_tls_sessions_total",
            "TLS sessions with hosts of other domains, by the policy that decided, and success or "
            "the kind of failure as RFC 8460 names it.",
            "policy",
            "result",
        ),
        "tls session",
        lambda key: (key.protocol, key.result),
    ),
    EventRow(
        _counter(
            "mailhost_reports_total",
            "Bounces, delay warnings and delivery reports that this host wrote.",
            "kind",
        ),
        "reported",
        lambda key: (key.result.replace(" ", "_"),),
        _each_of("bounce"),
    ),
    EventRow(
        _counter(
            "mailhost_parked_messages_total",
            "Messages in the queue that this host could not process; they wait for an operator.",
        ),
        "parked",
        lambda key: (),
        _alone,
    ),
    EventRow(
        _counter(
            "mailhost_dns_lookups_total",
            "Questions to the DNS servers. Answers from the cache are not counted.",
            "result",
        ),
        LOOK_UPS,
        lambda key: (key.result.replace(" ", "_"),),
        _each_of("found", "not_found", "failed"),
    ),
    EventRow(
        _counter(
            "mailhost_web_responses_total",
            "Responses of the pages of the web listener, by the class of their status. Requests "
            "for other addresses are not counted.",
            "protocol",
            "class",
        ),
        "web answered",
        lambda key: (key.protocol, key.result),
    ),
    EventRow(
        _counter(
            "mailhost_faults_total",
            "Faults of the host itself, by the part that has the fault.",
            "part",
        ),
        "faulted",
        lambda key: (key.reason,),
        _each_of(*FAULT_PARTS),
    ),
)

FILTER_ACTIONS = _counter(
    "mailhost_filter_actions_total",
    "How often each filter was asked, and what it did; `would_...` while it only observes.",
    "filter",
    "action",
)


def from_counts(snapshot: Snapshot) -> Iterator[tuple[Metric, Samples]]:
    """Yield each metric that is made of counts, with its values."""
    by_event = _by_event(snapshot.events)
    for row in EVENT_ROWS:
        yield row.metric, _samples(row, by_event[row.event], snapshot)
    yield FILTER_ACTIONS, _filter_samples(snapshot.filters)


def _by_event(counts: Mapping[CountKey, int]) -> Mapping[str, list[tuple[CountKey, int]]]:
    found: defaultdict[str, list[tuple[CountKey, int]]] = defaultdict(list)
    for key, number in counts.items():
        found[key.event].append((key, number))
    return found


def _samples(row: EventRow, counts: Iterable[tuple[CountKey, int]], snapshot: Snapshot) -> Samples:
    found: Counter[Labels] = Counter(dict.fromkeys(row.always(snapshot), 0))
    for key, number in counts:
        found[row.labels(key)] += number
    return sorted(found.items())


def _filter_samples(counts: Mapping[FilterKey, int]) -> Samples:
    found: Counter[Labels] = Counter()
    for (name, what), number in counts.items():
        found[name, what.replace(" ", "_")] += number
    return sorted(found.items())
