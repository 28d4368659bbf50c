"""The checks of `mailhost doctor` without a TARGET: of this host."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from mailhost.config.load import Loaded
from mailhost.config.problems import BadSettings
from mailhost.doctor.abuse.this_host import abuse_checks
from mailhost.doctor.checks import Check
from mailhost.doctor.clients.check import lost_addresses_check
from mailhost.doctor.context import DoctorContext
from mailhost.doctor.domain.hosted import own_domains_check
from mailhost.doctor.finding import Finding
from mailhost.doctor.host.certificates import certificates_check
from mailhost.doctor.host.data_folder import data_folder_check
from mailhost.doctor.host.directory import directory_check
from mailhost.doctor.host.domain_certificates import domain_certificates_check
from mailhost.doctor.host.host_name import host_name_check
from mailhost.doctor.host.listeners import listeners_check
from mailhost.doctor.host.local_facts import LocalFacts
from mailhost.doctor.host.ordered_certificates import ordered_certificates_check
from mailhost.doctor.host.queue import queue_check
from mailhost.doctor.host.sending_names import sending_names_check
from mailhost.doctor.host.served_certificates import served_certificates_check
from mailhost.doctor.host.settings_file import TOPIC, settings_findings, wrong_settings
from mailhost.doctor.host.web_listener import web_listener_check
from mailhost.doctor.network.attempt import PortAttempts
from mailhost.doctor.network.checks import network_checks
from mailhost.doctor.other_hosts.checks import other_host_checks
from mailhost.doctor.other_hosts.tls_failures import tls_failures_check
from mailhost.doctor.running_host import ask_host

MOST_SECONDS = 3.8  # of each check, so that the report is there in five seconds with the start


def checks_of_this_host(
    context: DoctorContext, loaded: Loaded, local: LocalFacts, over_the_wire: bool = True
) -> Sequence[Check]:
    """Return all checks of the host that `loaded` describes. If the host's user cannot run the
    host, the data folder is not examined, since the checks need the rights of this user. Without
    `over_the_wire`, no abuse is tried at the listeners, which log each command that they refuse."""
    settings, in_thread = loaded.settings, context.in_thread
    ask = ask_host(in_thread, settings.data)
    inside = [
        queue_check(settings.data, in_thread),
        ordered_certificates_check(context, settings, time.time),
        *other_host_checks(context, settings.data, settings.trace.off),
        tls_failures_check(settings, in_thread),
    ]
    return _in_time(
        [
            _at_once(TOPIC, "settings file", settings_findings(loaded, local.user_fault)),
            listeners_check(settings, local.listening, in_thread),
            *network_checks(context, loaded),
            *_always(context, loaded, local),
            sending_names_check(settings, context.resolver, context.reactor),
            served_certificates_check(settings, local.listening, in_thread),
            domain_certificates_check(context, settings),
            web_listener_check(context, settings, PortAttempts(context.reactor)),
            *([] if local.user_fault else inside),
            own_domains_check(context),
            lost_addresses_check(ask),
            *abuse_checks(context, loaded, ask, over_the_wire),
        ]
    )


def checks_of_first_start(context: DoctorContext, loaded: Loaded) -> Sequence[Check]:
    """Return the checks for the end of the very first start, which has read the settings and the
    certificates, and opened the listeners, a moment ago."""
    return _in_time(_always(context, loaded, LocalFacts()))


def _always(context: DoctorContext, loaded: Loaded, local: LocalFacts) -> list[Check]:
    settings, in_thread = loaded.settings, context.in_thread
    inside = [
        data_folder_check(settings, local.folder_fault, in_thread, context.reactor),
        directory_check(loaded, in_thread),
    ]
    return [
        host_name_check(settings, context.resolver, context.reactor),
        certificates_check(settings, local.files, in_thread, context.own.domains),
        *([] if local.user_fault else inside),
    ]


def _in_time(checks: Sequence[Check]) -> list[Check]:
    return [replace(each, seconds=min(each.seconds, MOST_SECONDS)) for each in checks]


def wrong_settings_check(error: BadSettings) -> tuple[Check, Sequence[Finding]]:
    """Return the only check of settings that cannot be used, and its findings."""
    findings = wrong_settings(error)
    return _at_once(TOPIC, "settings file", findings), findings


def _at_once(topic: str, title: str, findings: Sequence[Finding]) -> Check:
    async def run() -> Sequence[Finding]:
        return findings

    return Check(topic, title, MOST_SECONDS, run)
