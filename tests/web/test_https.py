"""Redirects to HTTPS, and the field by which browsers stay there."""

from __future__ import annotations

from dataclasses import replace

from mailhost.net.tls.certificate import read_certificate
from mailhost.web.https import HSTS, HTTPS, Plain
from tests.net.tls.handshakes import Folder
from tests.web.serving import get, https, issued

NAME = "autoconfig.example.org"
PLAIN = replace(get(NAME, "/a", b="c d"), secure=False)


def where(known: HTTPS, plain: Plain = Plain.PREFER_HTTPS, anywhere: bool = False) -> str:
    """The address that a request by HTTP is redirected to, empty for none."""
    found = known.redirect(PLAIN, plain, anywhere)
    return dict(found.headers)["Location"] if found else ""


class HTTPSTests(Folder):
    def test_a_certificate_of_an_authority(self) -> None:
        known = https(issued("mx.example.org"), issued(NAME))
        self.assertEqual(where(known), f"https://{NAME}/a?b=c+d")
        self.assertEqual(where(known, Plain.REDIRECT), f"https://{NAME}/a?b=c+d")
        self.assertEqual(where(known, Plain.ANSWER), "")

    def test_a_wildcard(self) -> None:
        self.assertTrue(https(issued("*.example.org")).is_trusted(NAME))

    def test_certificates_that_clients_refuse(self) -> None:
        own = read_certificate(*self.certificate("mx.example.org", NAME))
        for known in (https(own), https(issued("other.example")), https(issued(NAME, ends=-1))):
            self.assertEqual(where(known), "")
            self.assertEqual(where(known, Plain.REDIRECT), f"https://{NAME}/a?b=c+d")

    def test_a_page_that_the_name_of_the_host_has_too(self) -> None:
        known = https(issued("mx.example.org"))
        self.assertEqual(where(known), "")
        self.assertEqual(where(known, anywhere=True), "https://mx.example.org/a?b=c+d")

    def test_another_port(self) -> None:
        self.assertEqual(where(https(issued(NAME), port=2443)), f"https://{NAME}:2443/a?b=c+d")

    def test_without_a_listener_for_https_there_are_no_redirects(self) -> None:
        self.assertEqual(where(https(issued(NAME), port=None), Plain.REDIRECT), "")

    def test_neither_https_nor_requests_of_proxies_are_redirected(self) -> None:
        known = https(issued(NAME))
        for request in (replace(PLAIN, secure=True), replace(PLAIN, proxied=True)):
            self.assertIsNone(known.redirect(request, Plain.REDIRECT, False))

    def test_browsers_stay_where_the_certificate_is_good(self) -> None:
        secure = replace(PLAIN, secure=True)
        for known, request, expected in (
            (https(issued(NAME)), secure, (HSTS,)),
            (https(issued(NAME)), PLAIN, ()),
            (https(issued(NAME)), replace(secure, proxied=True), ()),
            (https(issued("other.example")), secure, ()),
            (https(), secure, ()),
        ):
            self.assertEqual(known.fields(request), expected)
