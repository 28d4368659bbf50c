"""Reads the XML of an aggregate report: that of RFC 9990, that of RFC 7489 appendix C, and what
receivers really send.

A document type declaration is refused, so there are no entities to expand and no files to load. The
parser (expat) keeps no tree: only the texts of known elements are kept, each of at most
LONGEST_TEXT characters, and at most MOST_ROWS rows. Unknown elements, and those of extensions, are
skipped. Where an optional value is missing or wrong, its default is taken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final
from xml.parsers import expat

from mailhost.aggregate_reports.report import BadReport
from mailhost.dmarc_reports.report import AggregateReport, CheckedDomain, Row
from mailhost.interfaces.authentication import PublishedPolicy

LONGEST_TEXT = 1000  # characters of one element
MOST_ROWS = 50_000
MOST_SIGNATURES = 100  # of one row (RFC 9990 §3.1.3)
_DEEPEST = 20  # levels of elements
_AT_ONCE = 1 << 16  # octets that are parsed without letting other threads run
_NAMESPACES = ("", "urn:ietf:params:xml:ns:dmarc-2.0", "http://dmarc.org/dmarc-xml/0.1")
_POLICIES = ("none", "quarantine", "reject")
_DISPOSITIONS = ("none", "pass", "quarantine", "reject")
_WORD = re.compile(r"[a-z_]{1,30}")
_LATEST = 1 << 40  # seconds since 1970
_MOST_MESSAGES = 1 << 48
_ROOT: Final = ("feedback",)
_RECORD: Final = (*_ROOT, "record")
_SIGNATURE: Final = (*_RECORD, "auth_results", "dkim")
_SPF: Final = (*_RECORD, "auth_results", "spf")
_REASON: Final = (*_RECORD, "row", "policy_evaluated", "reason")

_Path = tuple[str, ...]
_Texts = dict[str, str]


def read_report(xml: bytes) -> AggregateReport:
    """Return the report. Raises BadReport. Blocks: takes about 2 s for 10 MB."""
    reading = _Reading()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = reading.begin
    parser.EndElementHandler = reading.end
    parser.CharacterDataHandler = reading.text
    try:
        for at in range(0, len(xml), _AT_ONCE):
            parser.Parse(xml[at : at + _AT_ONCE], False)
        parser.Parse(b"", True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        if isinstance(error, BadReport):
            raise
        raise BadReport(f"the report is not valid XML: {error}") from error
    return reading.report()


def _refuse_doctype(*_: object) -> None:
    raise BadReport("the report has a document type declaration")


@dataclass(slots=True)
class _Reading:
    """The state of the parser: the path of open elements, and the texts found so far.

    `head` has the texts outside records by their paths, `record` those of the record that is open.
    """

    path: list[str] = field(default_factory=list)
    current: list[str] = field(default_factory=list)
    length: int = 0
    head: dict[_Path, str] = field(default_factory=dict)
    record: dict[_Path, str] = field(default_factory=dict)
    signatures: list[_Texts] = field(default_factory=list)
    spf: list[_Texts] = field(default_factory=list)
    reasons: list[_Texts] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    def begin(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element begins. Raises BadReport."""
        namespace, _, local = name.rpartition(" ")
        self.path.append(local if namespace in _NAMESPACES else name)
        if len(self.path) > _DEEPEST or self.path[0] != "feedback":
            raise BadReport("the XML is not that of an aggregate report")
        self.current.clear()
        self.length = 0
        place = tuple(self.path)
        if place == _RECORD:
            self._begin_record()
        elif place in (_SIGNATURE, _SPF, _REASON):
            group = self._group(place)
            if len(group) < MOST_SIGNATURES:
                group.append({})

    def _begin_record(self) -> None:
        if len(self.rows) == MOST_ROWS:
            raise BadReport(f"the report has more than {MOST_ROWS} records")
        self.record.clear()
        for group in (self.signatures, self.spf, self.reasons):
            group.clear()

    def _group(self, place: _Path) -> list[_Texts]:
        if place == _SIGNATURE:
            return self.signatures
        return self.spf if place == _SPF else self.reasons

    def text(self, data: str) -> None:
        """Some text of the element that is open."""
        if self.length < LONGEST_TEXT:
            self.current.append(data[: LONGEST_TEXT - self.length])
            self.length += len(data)

    def end(self, name: str) -> None:
        """An element ends."""
        place = tuple(self.path)
        text = "".join(self.current).strip()
        self.path.pop()
        self.current.clear()
        if place == _RECORD:
            self.rows.append(self._row())
        elif place[:-1] in (_SIGNATURE, _SPF, _REASON):
            self._group(place[:-1])[-1].setdefault(place[-1], text)
        elif place[:2] == _RECORD:
            self.record.setdefault(place[2:], text)
        elif len(place) <= 4 and len(self.head) < 100:
            self.head.setdefault(place[1:], text)

    def _row(self) -> Row:
        texts = self.record
        evaluated = ("row", "policy_evaluated")
        spf = [found for found in map(_checked, self.spf) if found is not None]
        reasons = [_word(reason.get("type", "")) for reason in self.reasons]
        return Row(
            source=_address(texts.get(("row", "source_ip"), "")),
            count=_number(texts.get(("row", "count"), ""), _MOST_MESSAGES),
            disposition=_one_of(_DISPOSITIONS, texts.get((*evaluated, "disposition"), "")),
            dkim=texts.get((*evaluated, "dkim"), "").lower() == "pass",
            spf=texts.get((*evaluated, "spf"), "").lower() == "pass",
            author=_domain(texts.get(("identifiers", "header_from"), "")),
            envelope_from=_domain(texts.get(("identifiers", "envelope_from"), "")),
            signatures=tuple(found for found in map(_checked, self.signatures) if found),
            spf_result=next(iter(spf), None),
            override=next(filter(None, reasons), ""),
        )

    def report(self) -> AggregateReport:
        """Return what was read. Raises BadReport."""
        domain = _domain(self._published("domain"))
        report_id = _line(self.head.get(("report_metadata", "report_id"), ""))
        if not (domain and report_id and self.rows):
            raise BadReport("the report names no domain, has no identifier or no records")
        period = ("report_metadata", "date_range")
        begin = _number(self.head.get((*period, "begin"), ""), _LATEST)
        end = _number(self.head.get((*period, "end"), ""), _LATEST)
        return AggregateReport(
            organization=_line(self.head.get(("report_metadata", "org_name"), "")),
            email=_line(self.head.get(("report_metadata", "email"), "")),
            report_id=report_id,
            begin=begin,
            end=max(begin, end),
            published=self._policy(domain),
            rows=tuple(self.rows),
        )

    def _policy(self, domain: str) -> PublishedPolicy:
        return PublishedPolicy(
            domain=domain,
            policy=_one_of(_POLICIES, self._published("p")),
            subdomains=_one_of(("", *_POLICIES), self._published("sp")),
            nonexistent=_one_of(("", *_POLICIES), self._published("np")),
            strict_dkim=self._published("adkim") == "s",
            strict_spf=self._published("aspf") == "s",
            testing=self._published("testing") == "y",
            failure_options=_line(self._published("fo"))[:20],
        )

    def _published(self, name: str) -> str:
        return self.head.get(("policy_published", name), "")


def _checked(texts: _Texts) -> CheckedDomain | None:
    domain = _domain(texts.get("domain", ""))
    if not domain:
        return None
    selector = _line(texts.get("selector", ""))[:255]
    return CheckedDomain(domain, _word(texts.get("result", "")), selector)


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError as error:
        raise BadReport("a record has no valid IP address") from error


def _number(text: str, most: int) -> int:
    """Return a number, which some reporters write with decimals."""
    whole = text.partition(".")[0]
    if not (whole.isascii() and whole.isdigit() and len(whole) <= 20):
        raise BadReport(f"{_line(text)[:40]!r} is not a number")
    return min(int(whole), most)


def _one_of(words: tuple[str, ...], text: str) -> str:
    return text.lower() if text.lower() in words else words[0]


def _word(text: str) -> str:
    return text.lower() if _WORD.fullmatch(text.lower()) else ""


def _domain(text: str) -> str:
    """Return a domain name in lower case, empty for a text that is none."""
    name = text.lower().rstrip(".")
    return name if 0 < len(name) <= 255 and name.isprintable() and " " not in name else ""


def _line(text: str) -> str:
    """Return a text without control characters."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
