"""`/apple`: a form for the mail address, and the configuration profiles.

`/apple/DOMAIN.mobileconfig` is the profile of a domain; with `?email=ADDRESS`, as the form sends
it to `/apple/profile`, the profile of an address.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from html import escape

from mailhost.concurrency.threads import InThread
from mailhost.message.address import Address
from mailhost.net.tls.certificate import CertificateFiles
from mailhost.net.tls.certificate_checks import is_for
from mailhost.web.apple.profile import profile, signed
from mailhost.web.hosts import WebHost, WebHosts
from mailhost.web.https import Certificates
from mailhost.web.mail_address import own_address
from mailhost.web.offers import Offers
from mailhost.web.values import WebRequest, WebResponse, text_response

FORM_PATH = "/apple"
PROFILE_PATH = "/apple/profile"
DOMAIN_PATH = "/apple/"
_SUFFIX = ".mobileconfig"
_NO_DOMAIN = text_response(404, "The address is not in a domain of this mail host.")
_NO_SERVICE = text_response(
    404, "This mail host has no listener by which mail programs read and send."
)
_FORM = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Mail on iPhone, iPad and Mac</title>
<h1>Mail on iPhone, iPad and Mac</h1>
<form action="{action}">
<p><label>Your mail address: <input type="email" name="email" required></label>
<button>Download the profile</button>
</form>
<p>Then open the downloaded profile in the settings of the device. It asks for your password.
</html>
"""
_FORM_POLICY = "default-src 'none'; form-action 'self'; frame-ancestors 'none'"


def profile_path(domain: str) -> str:
    """Return the path of the profile of a domain."""
    return f"{DOMAIN_PATH}{domain}{_SUFFIX}"


def form_page(request: WebRequest, host: WebHost | None) -> WebResponse:
    """Return the form."""
    body = _FORM.format(action=escape(PROFILE_PATH)).encode()
    more = (("Content-Security-Policy", _FORM_POLICY),)
    return WebResponse(200, body, "text/html; charset=utf-8", more)


class ProfilePage:
    """`offers` are the services to set up. `certificates` returns those in use."""

    def __init__(
        self, offers: Offers, hosts: WebHosts, certificates: Certificates, in_thread: InThread
    ) -> None:
        self._offers = offers
        self._hosts = hosts
        self._certificates = certificates
        self._in_thread = in_thread

    async def __call__(self, request: WebRequest, host: WebHost | None) -> WebResponse:
        """Return the profile for the address in the query, or for the domain in the path."""
        text = request.query.get("email", "")
        address = own_address(text, self._hosts) if text else None
        domain = address.domain if address else _domain(request.path)
        if (text and address is None) or not self._hosts.is_domain(domain):
            return _NO_DOMAIN
        if not (self._offers.reading and self._offers.sending):
            return _NO_SERVICE
        return await self._profile(request.host, domain, address)

    async def _profile(self, host: str, domain: str, address: Address | None) -> WebResponse:
        content = profile(self._offers, domain, address)
        files = _chosen(self._certificates(), (host, self._offers.host))
        body = await self._in_thread(partial(signed, content, files))
        name = ("Content-Disposition", f'attachment; filename="{domain}{_SUFFIX}"')
        return WebResponse(200, body, "application/x-apple-aspen-config", (name,))


def _domain(path: str) -> str:
    """Return the domain in the path of a profile, empty for another path."""
    name = path[len(DOMAIN_PATH) :].lower()
    return name.removesuffix(_SUFFIX) if name.endswith(_SUFFIX) else ""


def _chosen(certificates: Sequence[CertificateFiles], names: Sequence[str]) -> CertificateFiles:
    """Return the certificate for the first of these names that has one, or else the first."""
    fit = (files for name in names for files in certificates if is_for(files, name))
    return next(fit, certificates[0])
