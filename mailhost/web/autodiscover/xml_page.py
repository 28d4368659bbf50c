"""`/autodiscover/autodiscover.xml`: Outlook sends an address, and gets the settings for it.

Errors have the status 200 and stand in the XML, as programs expect it. The answer depends on the
domain of the address alone.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from mailhost.web.autodiscover import response
from mailhost.web.autodiscover.request import BadRequest, SetupRequest, read_request
from mailhost.web.hosts import WebHost, WebHosts
from mailhost.web.mail_address import own_address
from mailhost.web.offers import Offers
from mailhost.web.values import XML, WebRequest, WebResponse

PATH = "/autodiscover/autodiscover.xml"


class XMLPage:
    """`offers` are the services to set up."""

    def __init__(self, offers: Offers, hosts: WebHosts, now: Callable[[], datetime]) -> None:
        self._offers = offers
        self._hosts = hosts
        self._now = now

    def __call__(self, request: WebRequest, host: WebHost | None) -> WebResponse:
        """Return the settings, or an error in the form of autodiscover. The address is in the body
        of POST, and in the query of GET (`?email=`)."""
        try:
            asked = _asked(request)
        except BadRequest as bad:
            return self._error(response.INVALID, f"Invalid Request: {bad}")
        if asked.schema not in ("", response.OUTLOOK):
            return self._error(
                response.NO_PROVIDER,
                "This host has settings for IMAP, POP3 and SMTP, and none for Exchange ActiveSync.",
            )
        address = own_address(asked.address, self._hosts)
        if address is None:
            text = "The address is not in a domain of this host."
            return self._error(response.NO_ADDRESS, text)
        return WebResponse(200, response.settings(self._offers, str(address)), XML)

    def _error(self, code: int, text: str) -> WebResponse:
        return WebResponse(200, response.error(code, text, self._now()), XML)


def _asked(request: WebRequest) -> SetupRequest:
    if request.method == "POST":
        found = read_request(request.body)
    else:
        found = SetupRequest(request.query.get("email", ""), "")
    if not found.address:
        raise BadRequest("it names no address")
    return found
