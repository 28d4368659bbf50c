"""The `mailhost certificates` commands in the running host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mailhost.application.head import Head
from mailhost.certificates.folder import is_ordered
from mailhost.net.control.server import CommandRefused, Commands
from mailhost.net.tls.certificate import CertificateFiles

if TYPE_CHECKING:
    from mailhost.certificates.listing import Entry


def certificate_commands(head: Head) -> Commands:
    """Return the commands by name. `certificates.renew` returns, for each certificate, its
    name, whether it was ordered, and the failures."""

    async def list_() -> list[Entry]:
        from mailhost.certificates.listing import entries, entry_of_used

        keeper = head.acme.orders.keeper
        plan, stored = await keeper.plan(), await keeper.stored()
        used = [
            entry_of_used(_kind(head, files), files.chain[0], files.names)
            for files in head.foundation.tls.certificates
            if not any(is_ordered(head.foundation.data, path) for path in files.paths)
        ]
        return [*used, *entries(plan, stored, await head.acme.orders.memory.state())]

    async def renew(certificate: str = "", staging: bool = False) -> list[Mapping[str, Any]]:
        trial = head.acme.orders.staging() if staging else None
        if staging and trial is None:
            raise CommandRefused("write try_first in [tls.acme]: a directory for trials")
        try:
            results = await head.acme.orders.keeper.renew(certificate, trial)
        except (LookupError, OSError) as error:
            text = error.args[0] if isinstance(error, LookupError) else str(error)
            raise CommandRefused(text) from error
        return [
            {
                "name": each.name,
                "ordered": each.ordered,
                "failures": [*map(str, each.failures)] or [*each.left_out],
            }
            for each in results
        ]

    return {"certificates.list": list_, "certificates.renew": renew}


def _kind(head: Head, files: CertificateFiles) -> str:
    named = {pair.chain for pair in head.loaded.settings.tls.certificate}
    return "settings" if {*files.paths} & named else "self-signed"
