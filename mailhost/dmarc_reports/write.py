"""Writes the XML of an aggregate report (RFC 9990 §3.1.1, appendix A)."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

from mailhost import __version__
from mailhost.dmarc_reports.report import AggregateReport, CheckedDomain, Row
from mailhost.interfaces.authentication import PublishedPolicy

_NAMESPACE = "urn:ietf:params:xml:ns:dmarc-2.0"


def write_report(report: AggregateReport) -> bytes:
    """Return the XML. Blocks: takes about 0.1 s for 5,000 rows."""
    return "\n".join(_lines(report)).encode()


def _lines(report: AggregateReport) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f'<feedback xmlns="{_NAMESPACE}">'
    yield "<version>1.0</version>"
    yield "<report_metadata>"
    yield _element("org_name", report.organization)
    yield _element("email", report.email)
    yield _element("report_id", report.report_id)
    yield f"<date_range><begin>{report.begin}</begin><end>{report.end}</end></date_range>"
    yield _element("generator", f"mailhost {__version__}")
    yield "</report_metadata>"
    yield from _policy(report.published)
    for row in report.rows:
        yield from _record(row)
    yield "</feedback>"
    yield ""


def _policy(published: PublishedPolicy) -> Iterator[str]:
    yield "<policy_published>"
    yield _element("domain", published.domain)
    yield _element("p", published.policy)
    if published.subdomains:
        yield _element("sp", published.subdomains)
    if published.nonexistent:
        yield _element("np", published.nonexistent)
    yield _element("adkim", "s" if published.strict_dkim else "r")
    yield _element("aspf", "s" if published.strict_spf else "r")
    yield _element("discovery_method", "treewalk")
    if published.failure_options:
        yield _element("fo", published.failure_options)
    yield _element("testing", "y" if published.testing else "n")
    yield "</policy_published>"


def _record(row: Row) -> Iterator[str]:
    yield "<record><row>"
    yield f"<source_ip>{row.source}</source_ip><count>{row.count}</count>"
    yield "<policy_evaluated>"
    yield _element("disposition", row.disposition)
    yield f"<dkim>{_passes(row.dkim)}</dkim><spf>{_passes(row.spf)}</spf>"
    if row.override:
        yield f"<reason>{_element('type', row.override)}</reason>"
    yield "</policy_evaluated></row>"
    yield "<identifiers>"
    yield _element("header_from", row.author)
    yield _element("envelope_from", row.envelope_from)
    yield "</identifiers><auth_results>"
    for signature in row.signatures:
        yield f"<dkim>{_checked(signature, _element('selector', signature.selector))}</dkim>"
    if row.spf_result is not None:
        yield f"<spf>{_checked(row.spf_result, '<scope>mfrom</scope>')}</spf>"
    yield "</auth_results></record>"


def _checked(checked: CheckedDomain, between: str) -> str:
    return f"{_element('domain', checked.domain)}{between}{_element('result', checked.result)}"


def _passes(passes: bool) -> str:
    return "pass" if passes else "fail"


def _element(name: str, text: str) -> str:
    """Return an element. Characters that XML 1.0 cannot have are replaced."""
    clean = "".join(letter if letter.isprintable() else "?" for letter in text)
    return f"<{name}>{escape(clean)}</{name}>"
