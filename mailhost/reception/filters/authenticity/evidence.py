"""The results of all checks of one message."""

from __future__ import annotations

from dataclasses import dataclass

from mailhost.arc.verify import ARCResult
from mailhost.dkim.verify import DKIMStatus, SignatureResult
from mailhost.dmarc.evaluate import DMARCResult
from mailhost.reception.filters.authenticity.iprev import IPRevResult
from mailhost.spf.check import SPFResult, SPFStatus


@dataclass(frozen=True, slots=True)
class Evidence:
    """The results of all checks. `ip` is the client's address, `mail_from` the domain of the
    reverse-path, empty for the null reverse-path. `list_ids` are the identifiers in List-Id fields,
    in lower case."""

    ip: str
    mail_from: str
    iprev: IPRevResult
    hello: SPFResult
    spf: SPFResult
    dkim: tuple[SignatureResult, ...]
    arc: ARCResult
    dmarc: DMARCResult
    list_ids: tuple[str, ...] = ()

    @property
    def passing(self) -> frozenset[str]:
        """The domains that have a pass: that of SPF's MAIL FROM, and those of signatures."""
        return self._domains(DKIMStatus.PASS, SPFStatus.PASS)

    @property
    def undecided(self) -> frozenset[str]:
        """The domains that may have a pass, and could not be checked for now."""
        return self._domains(DKIMStatus.TEMPERROR, SPFStatus.TEMPERROR)

    def _domains(self, dkim: DKIMStatus, spf: SPFStatus) -> frozenset[str]:
        found = {each.domain for each in self.dkim if each.status is dkim}
        if self.spf.status is spf:
            found.add(self.spf.domain.lower())
        return frozenset(found)
