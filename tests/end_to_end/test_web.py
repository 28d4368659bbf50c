"""The web listener of a running host, by curl and openssl."""

from __future__ import annotations

import json
import os
import plistlib
import re
import shutil
import socket
import subprocess
from xml.etree import ElementTree

from twisted.trial.unittest import SkipTest

from tests.end_to_end.running import free_port, short_folder, until
from tests.end_to_end.test_listeners import HTTP, HTTPS, LOOPBACK, PROXYS_OWN, Open
from tests.web.test_autodiscover_request import REAL

NGINX = """
daemon off;
pid nginx.pid;
error_log stderr;
events {{ }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    proxy_bind {address};
    {servers}
}}
"""


class Web(Open):
    """A host with a self-signed certificate, and two domains."""

    def curl(self, scheme: str, where: str, *arguments: str, port: int = 0) -> bytes:
        """Return the response, with its header section. `where` is a host name and a path; without
        a `port` that of the listener is asked."""
        if shutil.which("curl") is None:
            raise SkipTest("curl is not installed")
        host, _, path = where.partition("/")
        port = port or (HTTPS if scheme == "https" else HTTP)
        url = f"{scheme}://{host}:{port}/{path}"
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
        where = "autodiscover.example.net/autodiscover/autodiscover.json/v1.0/bob%40example.net"
        second = json.loads(self.body("https", f"{where}?Protocol=AutodiscoverV1"))
        self.assertEqual(second["Protocol"], "AutodiscoverV1")
        where = "autodiscover.example.net/Autodiscover/Autodiscover.xml"
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

    def test_behind_nginx(self) -> None:
        """With the configuration that the command prints, but for its ports."""
        http, https = self.start_nginx(self.host.command("web", "--behind-proxy").stdout)
        where = "autoconfig.example.com/mail/config-v1.1.xml?emailaddress=ann%40example.com"
        since = self.host.mark()
        response = self.curl("https", where, port=https)
        self.assertTrue(response.startswith(b"HTTP/1.1 200 OK\r\n"), response)
        self.assertIn(b'<emailProvider id="example.com">', response)
        line = self.host.wait_for("autoconfig.example.com/mail/config-v1.1.xml", since)
        self.assertIn(f"from [{LOOPBACK}]", line)
        response = self.curl("http", where, port=http)
        self.assertIn(b"\r\nLocation: https://autoconfig.example.com/mail/", response)

    def start_nginx(self, servers: str) -> tuple[int, int]:
        """Start nginx with these servers, and return its ports for HTTP and HTTPS."""
        program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
        if program is None:
            raise SkipTest("nginx is not installed")
        ports = free_port(LOOPBACK), free_port(LOOPBACK)
        servers = re.sub(r" +listen \[::\].*\n", "", servers)
        for usual, port in (("80", ports[0]), ("443", ports[1])):
            servers = servers.replace(f"listen {usual}", f"listen {LOOPBACK}:{port}")
        tls = self.host.data / "tls"
        for usual, path in (("fullchain", tls / "chain.pem"), ("privkey", tls / "key.pem")):
            servers = servers.replace(f"/etc/ssl/mailhost/{usual}.pem", str(path))
        folder = short_folder(self)
        (folder / "nginx.conf").write_text(NGINX.format(address=PROXYS_OWN, servers=servers))
        command = [program, "-p", str(folder), "-c", "nginx.conf"]
        nginx = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        self.addCleanup(nginx.wait)
        self.addCleanup(nginx.terminate)
        until(lambda: self.listens(ports[1]), "nginx does not start")
        return ports

    def listens(self, port: int) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((LOOPBACK, port)) == 0

    def test_all_else_is_answered_404(self) -> None:
        for scheme, where, text in (
            ("https", "www.example.com/", b"does not serve the name"),
            ("http", "example.com/index.html", b"has no page"),
            ("http", "example.com/.well-known/acme-challenge/x", b"token of ACME"),
        ):
            response = self.curl(scheme, where)
            self.assertTrue(response.startswith(b"HTTP/1.1 404 Not Found\r\n"), response)
            self.assertIn(text, response)
