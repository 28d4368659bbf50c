"""The configuration of reverse proxies. That nginx serves what it has is tested end to end."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from mailhost.config.model import DEFAULT_LISTEN, Certificate, Settings
from mailhost.config.protocol import ListenProtocol
from mailhost.web.proxy_blocks import Behind, behind, caddy, nginx

NGINX = r"""# mailhost needs these settings too:
#   [web]
#   trusted_proxies = ["127.0.0.1", "::1"]
# The sites of example.org need, each in its block for HTTPS:
#   location ~* ^/(\.well-known/autoconfig|autodiscover)/ {
#       proxy_pass http://127.0.0.1:8080;
#       proxy_set_header Host $host;
#       proxy_set_header X-Forwarded-For $remote_addr;
#       proxy_set_header X-Forwarded-Proto $scheme;
#       proxy_set_header X-Forwarded-Host $host;
#   }
server {
    listen 80;
    listen [::]:80;
    server_name
        mx.example.org
        autoconfig.example.org;
    location /.well-known/acme-challenge/ {
        proxy_pass http://127.0.0.1:8080;
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Forwarded-Host $host;
    }
    location / {
        return 302 https://$host$request_uri;
    }
}
server {
    listen 443 ssl;
    listen [::]:443 ssl;
    server_name
        mx.example.org
        autoconfig.example.org;
    ssl_certificate /c.pem;
    ssl_certificate_key /k.pem;
    location / {
        proxy_pass http://127.0.0.1:8080;
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Forwarded-Host $host;
    }
}
"""
CADDY = """http://mx.example.org,
http://autoconfig.example.org {
    handle /.well-known/acme-challenge/* {
        reverse_proxy unix//run/web.sock
    }
    handle {
        redir https://{host}{uri} 302
    }
}
mx.example.org,
autoconfig.example.org {
    tls /c.pem /k.pem
    reverse_proxy unix//run/web.sock
}
"""
NAMES = ("mx.example.org", "autoconfig.example.org")
PAIR = ("/c.pem", "/k.pem")
TRUSTED = ("[web]", 'trusted_proxies = ["127.0.0.1", "::1"]')


def settings(**more: Any) -> Settings:
    least = {"version": 1, "hostname": "mx.example.org", "data": "/d"}
    return Settings.model_validate({**least, **more})


def http(*endpoints: str) -> list[dict[str, str]]:
    """Listeners for HTTP."""
    return [{"protocol": "http", "endpoint": endpoint} for endpoint in endpoints]


class TextTests(SynchronousTestCase):
    def test_nginx(self) -> None:
        facts = Behind(NAMES, ("example.org",), "127.0.0.1:8080", PAIR, TRUSTED)
        self.assertEqual(nginx(facts), NGINX)

    def test_caddy(self) -> None:
        self.assertEqual(caddy(Behind(NAMES, (), "unix:/run/web.sock", PAIR)), CADDY)
        without = caddy(Behind(NAMES, ("example.org",), "127.0.0.1:8080"))
        self.assertNotIn("tls", without)
        self.assertIn("#   reverse_proxy @mail 127.0.0.1:8080\n", without)

    def test_caddy_takes_it(self) -> None:
        if shutil.which("caddy") is None:
            raise SkipTest("caddy is not installed")
        text = caddy(Behind(NAMES, ("example.org",), "127.0.0.1:8080"))
        site = "".join(f"{line[4:]}\n" for line in text.splitlines() if line.startswith("#   "))
        for config in (text, CADDY, f"example.org {{\n{site}}}\n"):
            command = ["caddy", "adapt", "--adapter", "caddyfile", "--config", "/dev/stdin"]
            done = subprocess.run(
                command, input=config, capture_output=True, text=True, check=False
            )
            self.assertEqual(0, done.returncode, done.stderr)


class FactsTests(SynchronousTestCase):
    def test_a_host_that_is_not_prepared(self) -> None:
        for given in (settings(), settings(listen=http("tcp:80", "haproxy:tcp:81"))):
            facts = behind(given, ["example.org", "mx.example.org"])
            self.assertEqual(facts.listener, "127.0.0.1:8080")
            self.assertEqual(facts.domains, ("example.org",))
            self.assertEqual(facts.names[:2], ("mx.example.org", "mail.example.org"))
            self.assertEqual(len(facts.names), len(set(facts.names)))
            self.assertIn('endpoint = "tcp:8080:interface=127.0.0.1"', facts.to_add)

    def test_the_default_listeners_are_kept(self) -> None:
        """A [[listen]] in the settings replaces all of them."""
        for given, listed in ((settings(), True), (settings(listen=http("tcp:80")), False)):
            added = behind(given, []).to_add
            lines = "\n".join(line for line in added if not line.startswith("#"))
            new = Settings.model_validate({**given.model_dump(), **tomllib.loads(lines)})
            wanted = [each.protocol for each in DEFAULT_LISTEN] if listed else []
            self.assertEqual(
                [each.protocol for each in new.listen], [*wanted, ListenProtocol.HTTP], added
            )

    def test_a_host_that_is_prepared(self) -> None:
        web = {"trusted_proxies": ["127.0.0.1"]}
        for endpoint, where in (
            ("tcp:8000:interface=127.0.0.1", "127.0.0.1:8000"),
            ("tcp:8000", "127.0.0.1:8000"),
            ("tcp:[::1]:8000", "[::1]:8000"),
            ("unix:/run/web.sock", "unix:/run/web.sock"),
        ):
            facts = behind(settings(web=web, listen=http(endpoint)), ["example.org"])
            self.assertEqual((facts.listener, facts.to_add), (where, ()))

    def test_a_unix_socket_needs_no_trusted_network(self) -> None:
        facts = behind(settings(listen=http("unix:/run/web.sock")), [])
        self.assertEqual(facts.to_add, ())

    def test_the_certificate_of_the_settings(self) -> None:
        given = settings()
        tls = given.tls.model_copy(update={"certificate": (Certificate(chain="/c", key="/k"),)})
        self.assertEqual(
            behind(given.model_copy(update={"tls": tls}), []).certificate, ("/c", "/k")
        )
