"""`/autodiscover/autodiscover.json`: the second version of autodiscover, which names the address of
the first.

A program asks with `?Email=ADDRESS&Protocol=AutodiscoverV1`, or with the address as a part of the
path: `/autodiscover/autodiscover.json/v1.0/ADDRESS?Protocol=AutodiscoverV1`.
"""

from __future__ import annotations

import json
from urllib.parse import unquote

from mailhost.web.autodiscover import xml_page
from mailhost.web.hosts import WebHost, WebHosts
from mailhost.web.https import HTTPS
from mailhost.web.mail_address import own_address
from mailhost.web.values import JSON, WebRequest, WebResponse

PATHS = ("/autodiscover/autodiscover.json", "/autodiscover/autodiscover.json/v1.0/")
_PROTOCOL = "AutodiscoverV1"


class JSONPage:
    """`https` has the addresses of this host."""

    def __init__(self, hosts: WebHosts, https: HTTPS) -> None:
        self._hosts = hosts
        self._https = https

    def __call__(self, request: WebRequest, host: WebHost | None) -> WebResponse:
        """Return the address of the first version, or an error in JSON."""
        protocol, address = request.query.get("protocol", ""), _address(request)
        for value, name in ((address, "Email"), (protocol, "Protocol")):
            if not value:
                text = f"A valid value must be provided for the query parameter '{name}'"
                return _error(400, "MandatoryParameterMissing", text)
        if protocol.lower() != _PROTOCOL.lower():
            return _error(400, "InvalidProtocol", f"The only protocol here is '{_PROTOCOL}'")
        if own_address(address, self._hosts) is None:
            return _error(404, "UserNotFound", "The address is not in a domain of this host")
        url = self._https.address(self._https.best_name(request.host), xml_page.PATH)
        return _json(200, Protocol=_PROTOCOL, Url=url)


def _address(request: WebRequest) -> str:
    in_path = request.path[len(PATHS[1]) :]  # empty for the shorter of the two paths
    return unquote(in_path) or request.query.get("email", "")


def _error(code: int, name: str, text: str) -> WebResponse:
    return _json(code, ErrorCode=name, ErrorMessage=text)


def _json(code: int, **values: str) -> WebResponse:
    return WebResponse(code, json.dumps(values).encode(), JSON)
