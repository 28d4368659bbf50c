"""Collects the facts that the doctor's checks of this host are handed, as root if root runs it."""

from __future__ import annotations

import os

from mailhost.application.privileges import WrongFolder, check_data_folder
from mailhost.application.runnable import cannot_run
from mailhost.config.load import Loaded
from mailhost.config.model import Settings
from mailhost.directory.place import database_path
from mailhost.doctor.host.certificate_files import certificate_findings, file_findings
from mailhost.doctor.host.local_facts import LocalFacts
from mailhost.doctor.host.readable import user_of_host
from mailhost.doctor.host.sockets import listening_sockets


def collect_facts(loaded: Loaded) -> LocalFacts:
    """Return the facts for the doctor in a process of its own. As root it makes a child process,
    which becomes the host's user. Blocks for some milliseconds."""
    settings = loaded.settings
    return LocalFacts(
        cannot_run(user_of_host(settings)),
        folder_fault(settings),
        file_findings(loaded),
        listening_sockets(),
    )


def facts_of_running_host(loaded: Loaded) -> LocalFacts:
    """Return the facts for a doctor in the head, which runs as the host's user. Blocks."""
    return LocalFacts(files=certificate_findings(loaded.settings), listening=listening_sockets())


def folder_fault(settings: Settings) -> str:
    """Return why the host's user cannot use the data folder, for root alone; empty for none, and
    for a folder that is missing or has no directory."""
    if os.geteuid() != 0 or not os.path.exists(database_path(settings.data)):
        return ""
    try:
        if settings.user:
            check_data_folder(settings.data, settings.user)
    except WrongFolder as error:
        return str(error)
    return ""
