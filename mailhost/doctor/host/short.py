"""The shortest form of the report, for the end of `mailhost init` and for the first start: one line
for each finding that is not ok."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mailhost.config.load import Loaded
from mailhost.doctor.finding import Finding, Verdict
from mailhost.doctor.host.certificate_faults import file_findings
from mailhost.doctor.host.data_folder import data_findings
from mailhost.doctor.host.listeners import host_state, taken_ports
from mailhost.doctor.host.local_facts import LocalFacts
from mailhost.doctor.host.settings_file import settings_findings

MOST_LINES = 2


def findings_before_start(loaded: Loaded, local: LocalFacts) -> list[Finding]:
    """Return what is wrong and can be known before the host has run. Blocks for the disk."""
    settings = loaded.settings
    runs = host_state(settings.data).pids
    found = [
        *settings_findings(loaded, local.user_fault),
        *([] if runs else taken_ports(settings, local.listening)),
        *file_findings(local.files),
        *data_findings(settings, local.folder_fault, None),
    ]
    return [each for each in found if each.verdict is not Verdict.OK]


def short_lines(found: Iterable[Finding], command: str) -> Iterator[str]:
    """Yield at most three lines: the first findings, and how many more `command` shows. Failures
    come first."""
    ordered = sorted(found, key=lambda each: each.verdict is not Verdict.FAILURE)
    for finding in ordered[:MOST_LINES]:
        yield f"{finding.name}: {line_of(finding)}"
    more = len(ordered) - MOST_LINES
    if more > 0:
        yield f"and {more} more: `{command}` shows {'it' if more == 1 else 'them'}"


def line_of(finding: Finding) -> str:
    """Return a finding in one line, with its remedy and without its name."""
    text = f"{finding.verdict.value}: {finding.tried}: {finding.seen}. {finding.remedy}"
    return " ".join([text, *finding.copy])
