"""Warnings about `[web]` and `[mta_sts]`."""

from __future__ import annotations

from collections.abc import Iterator

from mailhost.config.model import Settings
from mailhost.config.mta_sts import STSMode
from mailhost.config.problems import Problem, key_of

_NO_LISTENER = (
    'has no effect, as no [[listen]] has protocol = "http" or "https"; add such listeners'
)
_NO_CERTIFICATE = (
    'is "enforce", and the host has no certificate of an authority: other hosts will keep mail '
    'back; write "testing", or add a [[tls.certificate]], or [tls.acme] with agree = true'
)


def web_warnings(settings: Settings) -> Iterator[Problem]:
    """Yield what is allowed but is probably a mistake."""
    if settings.web and not any(listen.protocol.web for listen in settings.listen):
        yield Problem("web", _NO_LISTENER)
    if settings.tls.certificate or settings.tls.acme.agree:
        return
    for key, mode in _modes(settings):
        if mode is STSMode.ENFORCE:
            yield Problem(key, _NO_CERTIFICATE)


def _modes(settings: Settings) -> Iterator[tuple[str, STSMode | None]]:
    common = settings.mta_sts
    yield "mta_sts.mode", common.mode
    for name, table in common.domain.items():
        yield key_of(("mta_sts", "domain", name, "mode")), table.mode
    for name, domain in settings.domain.items():
        yield key_of(("domain", name, "mta_sts", "mode")), domain.mta_sts.mode
