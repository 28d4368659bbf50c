"""`/.well-known/mta-sts.txt` at `mta-sts.DOMAIN`: the policy of the domain (RFC 8461 §3.2)."""

from __future__ import annotations

from mailhost.config.model import Settings
from mailhost.mta_sts.own import own_policy, policy_text
from mailhost.web.hosts import WebHost
from mailhost.web.values import WebRequest, WebResponse

PATH = "/.well-known/mta-sts.txt"


class PolicyPage:
    """`settings` have the policies."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__(self, request: WebRequest, host: WebHost | None) -> WebResponse:
        """Return the policy of the domain in the name that was asked for."""
        assert host is not None
        body = policy_text(own_policy(self._settings, host.domain))
        return WebResponse(200, body, "text/plain", (("Cache-Control", "no-cache"),))
