"""Facts that are collected before the checks of this host run, with the rights of root where root
runs the doctor. The checks themselves have the rights of the host's user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailhost.doctor.host.sockets import ListeningSocket
from mailhost.net.tls.certificate_checks import CertificateFinding


@dataclass(frozen=True, slots=True)
class LocalFacts:
    """`user_fault` says why the host's user cannot run this installation, `folder_fault` why that
    user cannot use the data folder; both are empty for none. `files` are the findings about
    certificates and other files of the settings, `listening` the TCP sockets of this machine."""

    user_fault: str = ""
    folder_fault: str = ""
    files: Sequence[CertificateFinding] = ()
    listening: Sequence[ListeningSocket] = ()
