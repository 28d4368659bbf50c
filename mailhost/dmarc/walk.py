"""The DNS tree walk: which records stand at a domain and above it (RFC 9989 §4.10)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mailhost.dmarc.record import DMARCRecord, Suffix, is_dmarc, parse_record
from mailhost.interfaces.dns import Found, Lookups, ask, txt_of

MOST_STEPS = 8  # questions of one walk


class WalkFailed(Exception):
    """DNS could not be asked for now; the text of the exception names the domain."""


@dataclass(frozen=True, slots=True)
class Walk:
    """The records that were found from `start` upwards, the longest domain first. A record is None
    where there is one by which no policy can be applied."""

    start: str
    found: tuple[tuple[str, DMARCRecord | None], ...]

    @property
    def organizational_domain(self) -> str:
        """The domain whose subdomains are aligned with each other (RFC 9989 §4.10.2)."""
        shortest = self.start
        for domain, record in self.found:
            suffix = record.suffix if record is not None else Suffix.UNKNOWN
            if suffix is Suffix.NO:
                return domain
            if suffix is Suffix.YES and domain != self.start:
                return _one_below(domain, self.start)
            shortest = domain
        return shortest

    def record_of(self, domain: str) -> tuple[bool, DMARCRecord | None]:
        """Return whether there is a record at a domain, and the record."""
        for each, record in self.found:
            if each == domain:
                return True, record
        return False, None

    @property
    def policy_record(self) -> tuple[str, DMARCRecord | None]:
        """The record that applies, and its domain: that of `start`, of its organizational domain,
        or of the public suffix above (RFC 9989 §4.10.1); an empty domain where there is none."""
        for domain in (self.start, self.organizational_domain, self.public_suffix):
            if domain is not None:
                exists, record = self.record_of(domain)
                if exists:
                    return domain, record
        return "", None

    @property
    def public_suffix(self) -> str | None:
        """The domain with psd=y above `start`, None for none."""
        for domain, record in self.found:
            if record is not None and record.suffix is Suffix.YES and domain != self.start:
                return domain
        return None


def walk(start: str) -> Lookups[Walk]:
    """Ask for the records from `start` upwards, until one says whether it is that of a public
    suffix. `start` is in A-labels and lower case. Raises WalkFailed."""
    found: list[tuple[str, DMARCRecord | None]] = []
    for domain in targets(start):
        reply = yield from ask(txt_of(f"_dmarc.{domain}"))
        if reply.found is Found.FAILED:
            raise WalkFailed(f"_dmarc.{domain} could not be looked up")
        records = [record for record in reply.records if is_dmarc(record)]
        if len(records) != 1:  # several are discarded
            continue
        record = parse_record(records[0])
        found.append((domain, record))
        if record is not None and record.suffix is not Suffix.UNKNOWN:
            break
    return Walk(start, tuple(found))


def targets(start: str) -> Iterator[str]:
    """Yield the domains of a walk, at most MOST_STEPS: of a long name, the first and its last
    seven labels."""
    yield start
    labels = start.split(".")
    for number in range(min(len(labels), MOST_STEPS) - 1, 0, -1):
        yield ".".join(labels[-number:])


def _one_below(domain: str, start: str) -> str:
    labels = start.split(".")
    return ".".join(labels[-(domain.count(".") + 2) :])
