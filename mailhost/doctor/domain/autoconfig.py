"""Looks for the file by which mail programs set themselves up (the autoconfig of Thunderbird and
others). A domain need not have one, so nothing is a fault."""

from __future__ import annotations

from mailhost.doctor.domain.mta_sts import OK, Fetch
from mailhost.doctor.finding import Finding, ok
from mailhost.net.https_fetch import FetchFailed

_ROOT = b"<clientConfig"


def autoconfig_urls(domain: str) -> tuple[str, ...]:
    """Return the URLs of the file, in the order in which mail programs try them."""
    return (
        f"https://autoconfig.{domain}/mail/config-v1.1.xml",
        f"https://{domain}/.well-known/autoconfig/mail/config-v1.1.xml",
    )


async def check_autoconfig(domain: str, fetch: Fetch) -> list[Finding]:
    """Return the URL of the file as a finding, or the reasons why it cannot be fetched."""
    tried = f"autoconfig of {domain}"
    troubles = []
    for url in autoconfig_urls(domain):
        try:
            reply = await fetch(url)
        except FetchFailed as failed:
            troubles.append(str(failed))
            continue
        if reply.status == OK and _ROOT in reply.body:
            return [ok(tried, f"mail programs find their settings at {url}")]
        troubles.append(f"{url.split('/')[2]} has no such file")
    return [ok(tried, f"there is no file ({'; '.join(troubles)})")]
