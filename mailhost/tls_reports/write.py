"""Writes the JSON of a report about TLS (RFC 8460 §4.4)."""

from __future__ import annotations

import gzip
import json
import time
from typing import Any

from mailhost.interfaces.tls_sessions import AppliedPolicy
from mailhost.tls_reports.report import FailureDetail, PolicyResult, TLSReport

_TIME = "%Y-%m-%dT%H:%M:%SZ"


def write_report(report: TLSReport) -> bytes:
    """Return the report as JSON."""
    found = {
        "organization-name": report.organization,
        "date-range": {
            "start-datetime": time.strftime(_TIME, time.gmtime(report.begin)),
            "end-datetime": time.strftime(_TIME, time.gmtime(report.end)),
        },
        "contact-info": report.contact,
        "report-id": report.report_id,
        "policies": list(map(_result, report.results)),
    }
    return json.dumps(found, indent=1, ensure_ascii=False).encode("utf-8", "replace")


def packed(report: TLSReport) -> bytes:
    """Return the report as JSON in gzip. Blocks."""
    return gzip.compress(write_report(report), mtime=0)


def _result(result: PolicyResult) -> dict[str, Any]:
    found: dict[str, Any] = {
        "policy": _policy(result.policy),
        "summary": {
            "total-successful-session-count": result.successes,
            "total-failure-session-count": result.failures,
        },
    }
    if result.details:
        found["failure-details"] = list(map(_detail, result.details))
    return found


def _policy(policy: AppliedPolicy) -> dict[str, Any]:
    found: dict[str, Any] = {"policy-type": str(policy.kind)}
    if policy.lines:
        found["policy-string"] = list(policy.lines)
    found["policy-domain"] = policy.domain
    if policy.mx:
        found["mx-host"] = list(policy.mx)
    return found


def _detail(detail: FailureDetail) -> dict[str, Any]:
    texts = {
        "result-type": detail.result,
        "sending-mta-ip": detail.own_ip,
        "receiving-mx-hostname": detail.mx,
        "receiving-mx-helo": detail.hello,
        "receiving-ip": detail.ip,
    }
    found: dict[str, Any] = {name: text for name, text in texts.items() if text}
    found["failed-session-count"] = detail.count
    if detail.more:
        found["additional-information"] = detail.more
    if detail.reason:
        found["failure-reason-code"] = detail.reason
    return found
