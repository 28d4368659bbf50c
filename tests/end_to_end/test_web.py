"""The web listener of a running host, by curl and openssl."""

from __future__ import annotations

import plistlib
import shutil
import subprocess
from xml.etree import ElementTree

from twisted.trial.unittest import SkipTest

from tests.end_to_end.test_listeners import HTTP, HTTPS, LOOPBACK, Open
from tests.web.test_autodiscover_request import REAL


class Web(Open):
    """A host with a self-signed certificate, and two domains."""

    def curl(self, scheme: str, where: str, *arguments: str) -> bytes:
        """Return the response, with its header section. `where` is a host name and a path."""
        if shutil.which("curl") is None:
            raise SkipTest("curl is not installed")
        host, _, path = where.partition("/")
        url = f"{scheme}://{host}:{HTTPS if scheme == 'https' else HTTP}/{path}"
        command = ["curl", "-sSik", "-m", "30", "--connect-to", f"::{LOOPBACK}:", *arguments, url]
        done = subprocess.run(command, capture_output=True, check=False)
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout

    def body(self, scheme: str, where: str, *arguments: str) -> bytes:
        """Return the body of a response with the status 200."""
        head, _, body = self.curl(scheme, where, *arguments).partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 200 OK\r\n"), head)
        self.assertNotIn(b"\r\nServer:", head)
        return body

    def test_thunderbird(self) -> None:
        """It asks by HTTP too, as it does not take this certificate."""
        where = "autoconfig.example.com/mail/config-v1.1.xml?emailaddress=ann%40example.com"
        for scheme in ("https", "http"):
            provider = ElementTree.fromstring(self.body(scheme, where))[0]
            self.assertEqual(provider.attrib["id"], "example.com")

    def test_outlook(self) -> None:
        where = "autodiscover.example.net/Autodiscover/Autodiscover.xml"
        request = REAL.decode("utf-8-sig").replace("ann@example.org", "bob@example.net")
        kind = ("-H", "Content-Type: text/xml")
        document = self.body("https", where, *kind, "--data-binary", request)
        self.assertIn(b"<LoginName>bob@example.net</LoginName>", document)
        location = f"\r\nLocation: https://autodiscover.example.net:{HTTPS}/Autodiscover/"
        self.assertIn(location.encode(), self.curl("http", where))

    def test_an_iphone(self) -> None:
        signed = self.body("https", "mail.example.com/apple/profile?email=ann@example.com")
        certificate = str(self.host.data / "tls" / "chain.pem")
        command = ["openssl", "cms", "-verify", "-inform", "DER", "-CAfile", certificate]
        done = subprocess.run(
            [*command, "-purpose", "any"], input=signed, capture_output=True, check=False
        )
        self.assertEqual(0, done.returncode, done.stderr)
        (account,) = plistlib.loads(done.stdout)["PayloadContent"]
        self.assertEqual(account["IncomingMailServerUsername"], "ann@example.com")

    def test_other_mail_hosts(self) -> None:
        policy = self.body("https", "mta-sts.example.com/.well-known/mta-sts.txt")
        self.assertIn(b"mode: testing\r\nmx: mx.example.org\r\n", policy)

    def test_all_else_is_answered_404(self) -> None:
        for scheme, where, text in (
            ("https", "www.example.com/", b"does not serve the name"),
            ("http", "example.com/index.html", b"has no page"),
            ("http", "example.com/.well-known/acme-challenge/x", b"token of ACME"),
        ):
            response = self.curl(scheme, where)
            self.assertTrue(response.startswith(b"HTTP/1.1 404 Not Found\r\n"), response)
            self.assertIn(text, response)
