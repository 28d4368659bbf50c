"""Checks the certificate that each port of this host offers to clients: that TLS works there, and
that the certificate is one of those in the files now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from cryptography.hazmat.primitives.serialization import Encoding

from mailhost.concurrency.side_by_side import side_by_side
from mailhost.concurrency.threads import InThread
from mailhost.config.model import Settings
from mailhost.doctor.checks import Check
from mailhost.doctor.finding import Fault, Finding, failure, ok, warning
from mailhost.doctor.host.certificate_files import read_certificates
from mailhost.doctor.host.certificates import TOPIC
from mailhost.doctor.host.data_folder import DISK_SLOW
from mailhost.doctor.host.listeners import (
    LISTENER_SILENT,
    HostState,
    host_state,
    our_places,
)
from mailhost.doctor.host.probe import (
    ListenerPlace,
    NoHandshake,
    NotReached,
    certificate_of,
)
from mailhost.doctor.host.sockets import ListeningSocket
from mailhost.net.tls.certificate import BadCertificate, CertificateFiles
from mailhost.net.tls.certificate_checks import is_for

TLS_FAILS = Fault("listener-tls-fails", "Clients cannot encrypt, so mail programs do not connect.")
CERTIFICATE_OUTDATED = Fault(
    "certificate-not-in-use", "The port offers an older certificate, which may expire."
)
SECONDS = 3.8
MOST_NAMES = 5  # that each port is asked for


class Offer(Protocol):
    """Returns the certificate that a listener offers, as `certificate_of` does."""

    def __call__(self, place: ListenerPlace, name: str, /) -> bytes:
        """Return it in DER, empty without TLS. Raises NotReached."""


@dataclass(frozen=True, slots=True)
class _Offered:
    """The certificate that a port offers to clients that ask for a name."""

    place: ListenerPlace
    name: str
    certificate: bytes = b""
    failed: str = ""


def served_certificates_check(
    settings: Settings,
    listening: Sequence[ListeningSocket],
    in_thread: InThread,
    state: Callable[[], HostState] | None = None,
    offer: Offer = certificate_of,
) -> Check:
    """Return the check; the arguments are those of `listeners_check`. Ports that cannot be reached,
    or may be those of another program, are left to the check of the listeners."""
    ask = state or partial(host_state, settings.data)

    async def run() -> Sequence[Finding]:
        try:
            files = await in_thread(partial(read_certificates, settings))
        except BadCertificate:
            return []  # named by the check of the files
        if not files:
            return []  # the first start makes one
        names = _names(settings.hostname, files)
        places = our_places(settings, listening, await in_thread(ask))
        offers = [partial(_examined, place, names, offer) for place in places if not place.own_tls]
        seen = await side_by_side(map(in_thread, offers))
        return _findings([each for some in seen for each in some], files)

    return Check(
        TOPIC,
        "certificates that ports offer",
        SECONDS,
        run,
        (DISK_SLOW, LISTENER_SILENT),
    )


def _names(hostname: str, files: Sequence[CertificateFiles]) -> list[str]:
    """Return the host's name and one name of each certificate."""
    others = (name for each in files for name in each.names[:1] if "*" not in name)
    return list(dict.fromkeys([hostname, *others]))[:MOST_NAMES]


def _examined(place: ListenerPlace, names: Sequence[str], offer: Offer) -> list[_Offered]:
    """Blocks. A port that cannot be connected to offers nothing."""
    seen = []
    for name in names:
        try:
            seen.append(_Offered(place, name, offer(place, name)))
        except NoHandshake as error:
            seen.append(_Offered(place, name, failed=str(error)))
        except NotReached:
            return []
    return seen


def _findings(offered: Sequence[_Offered], files: Sequence[CertificateFiles]) -> list[Finding]:
    broken = [each for each in offered if each.failed]
    old = [each for each in offered if each.certificate and not _is_expected(each, files)]
    found = []
    if broken:
        seen = f"{_ports(broken)}: {broken[0].failed}"
        remedy = "The log of the host has the reason; `mailhost check-config` checks the files."
        found.append(failure(TLS_FAILS, "TLS", seen, remedy))
    if old:
        seen = f"{_ports(old)} offer a certificate that is not in the files of the settings"
        remedy = "Run `mailhost reload`; if it is refused, the reason is printed."
        found.append(warning(CERTIFICATE_OUTDATED, "certificates that ports offer", seen, remedy))
    fine = [each for each in offered if each.certificate and each not in old]
    if not found and fine:
        found.append(ok("certificates that ports offer", f"as in the files: {_ports(fine)}"))
    return found


def _is_expected(offered: _Offered, files: Sequence[CertificateFiles]) -> bool:
    """True if a certificate is one of those in the files: of those for the name, if there are."""
    fit = [each for each in files if is_for(each, offered.name)] or files
    return any(offered.certificate == each.chain[0].public_bytes(Encoding.DER) for each in fit)


def _ports(offered: Sequence[_Offered]) -> str:
    return ", ".join(dict.fromkeys(str(each.place) for each in offered))
