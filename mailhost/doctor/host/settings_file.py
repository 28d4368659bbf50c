"""Checks the settings file: every fault and every hint of `mailhost check-config`."""

from __future__ import annotations

from mailhost.config.load import Loaded
from mailhost.config.problems import BadSettings, Problem
from mailhost.doctor.finding import Fault, Finding, failure, ok, warning
from mailhost.doctor.host.certificate_faults import CERTIFICATE_UNUSABLE

SETTINGS_WRONG = Fault(
    "settings-wrong",
    "With such settings the host does not start, and a running host refuses to reload them.",
)
SETTINGS_DOUBTFUL = Fault(
    "settings-doubtful", "The settings are valid, but this one is probably a mistake."
)
USER_CANNOT_RUN = Fault(
    "user-cannot-run",
    "The host drops the rights of root, and then cannot load its own program any more.",
)
TOPIC = "Settings"
_CERTIFICATES = "tls.certificate"  # how the keys of wrong certificates begin


def wrong_settings(error: BadSettings) -> list[Finding]:
    """Return the findings about settings that cannot be used."""
    return [_wrong(error.path, problem) for problem in error.problems]


def _wrong(path: str, problem: Problem) -> Finding:
    fault = CERTIFICATE_UNUSABLE if problem.key.startswith(_CERTIFICATES) else SETTINGS_WRONG
    remedy = f"Correct {path}; `mailhost check-config` says whether it is right then."
    return failure(fault, _place(problem), problem.text, remedy)


def settings_findings(loaded: Loaded, user_fault: str = "") -> list[Finding]:
    """Return the findings about settings that can be used. `user_fault` is that of LocalFacts."""
    remedy = f"Change the setting in {loaded.path}, then run `mailhost reload`."
    found = [
        warning(SETTINGS_DOUBTFUL, _place(problem), problem.text, remedy)
        for problem in loaded.warnings
    ]
    if user_fault:
        remedy = "Install mailhost where that user may read it, such as in /opt/mailhost."
        found.append(failure(USER_CANNOT_RUN, "setting user", user_fault, remedy))
    return found or [ok("settings file", f"{loaded.path} has no fault")]


def _place(problem: Problem) -> str:
    return f"setting {problem.key}" if problem.key else "settings file"
