"""Reads the JSON of a report about TLS: that of RFC 8460, and its variants that reporters send.

`json` builds a tree of the whole text while no other thread runs, so the size of the text, and the
numbers of its values and of its tables and lists, are bounded before: the largest text takes some
ten milliseconds. Texts are cut at LONGEST_TEXT characters. A value that is missing or of a wrong
type is taken as empty; without policies and an identifier the text is no report.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from mailhost.aggregate_reports.report import BadReport
from mailhost.interfaces.tls_sessions import AppliedPolicy, PolicyType
from mailhost.tls_reports.report import FailureDetail, PolicyResult, TLSReport

LONGEST_TEXT = 500  # characters
MOST_POLICIES = 100
MOST_DETAILS = 5_000  # of one report
MOST_LINES = 100  # of one policy
_MOST_BRACKETS = 20_000  # that open tables and lists
_MOST_COMMAS = 50_000
_MOST_SESSIONS = 1 << 48
_DIGITS = re.compile(r"[0-9]{1,20}")
_RESULT = re.compile(r"[a-z0-9-]{1,60}")


def read_report(text: bytes) -> TLSReport:
    """Return the report; its `domain` is that of the first policy. Raises BadReport."""
    if text.count(b"{") + text.count(b"[") > _MOST_BRACKETS or text.count(b",") > _MOST_COMMAS:
        raise BadReport("the report has too many values")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:  # also of UTF-8, and of very long numbers
        raise BadReport(f"the report is not valid JSON: {error}"[:200]) from error
    found = _table(found)
    results = tuple(_results(_list(found.get("policies"))))
    report_id = _text(found.get("report-id"))
    if not (results and report_id):
        raise BadReport("the report names no policy of a domain, or has no identifier")
    period = _table(found.get("date-range"))
    begin = _time(period.get("start-datetime"))
    return TLSReport(
        domain=results[0].policy.domain,
        organization=_text(found.get("organization-name")),
        contact=_text(found.get("contact-info")),
        report_id=report_id,
        begin=begin,
        end=max(begin, _time(period.get("end-datetime"))),
        results=results,
    )


def _results(policies: list[Any]) -> Iterator[PolicyResult]:
    """Yield the result of each policy that names its domain."""
    left = MOST_DETAILS
    for each in map(_table, policies[:MOST_POLICIES]):
        policy = _policy(_table(each.get("policy")))
        if not policy.domain:
            continue
        summary = _table(each.get("summary"))
        details = tuple(map(_detail, _list(each.get("failure-details"))[:left]))
        left -= len(details)
        failures = _count(summary.get("total-failure-session-count"))
        yield PolicyResult(
            policy,
            _count(summary.get("total-successful-session-count")),
            max(failures, min(_MOST_SESSIONS, sum(detail.count for detail in details))),
            details,
        )


def _policy(found: dict[str, Any]) -> AppliedPolicy:
    kind = _text(found.get("policy-type")).lower()
    return AppliedPolicy(
        PolicyType(kind) if kind in set(PolicyType) else PolicyType.NONE,
        domain_name(found.get("policy-domain")),
        _texts(found.get("policy-string")),
        _texts(found.get("mx-host")),  # a text in the grammar, a list in the example of the RFC
    )


def _detail(each: Any) -> FailureDetail:
    found = _table(each)
    result = _text(found.get("result-type")).lower()
    return FailureDetail(
        result=result if _RESULT.fullmatch(result) else "",
        count=_count(found.get("failed-session-count")),
        mx=domain_name(found.get("receiving-mx-hostname")),
        ip=_text(found.get("receiving-ip")),
        own_ip=_text(found.get("sending-mta-ip")),
        reason=_text(found.get("failure-reason-code")),
        hello=_text(found.get("receiving-mx-helo")),
        more=_text(found.get("additional-information")),
    )


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _texts(value: Any) -> tuple[str, ...]:
    """Return the lines of a list, or of a text."""
    lines = value.splitlines() if isinstance(value, str) else _list(value)
    return tuple(filter(None, map(_text, lines[:MOST_LINES])))


def _text(value: Any) -> str:
    """Return a text without control characters and lone surrogates, empty for anything else."""
    if not isinstance(value, str):
        return ""
    letters = (letter if letter.isprintable() else " " for letter in value[:LONGEST_TEXT])
    return "".join(letters).strip()


def domain_name(value: Any) -> str:
    """Return a domain name in lower case, empty for a text that is none."""
    name = _text(value).lower().rstrip(".")
    return name if 0 < len(name) <= 255 and " " not in name else ""


def _count(value: Any) -> int:
    """Return a number, which some reporters write as a text; 0 for anything else."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    return min(max(value, 0), _MOST_SESSIONS)


def _time(value: Any) -> int:
    """Return the seconds since 1970 of a time as in RFC 3339. Raises BadReport."""
    try:
        found = datetime.fromisoformat(_text(value))
        return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError) as error:
        raise BadReport("its period has no valid time") from error
