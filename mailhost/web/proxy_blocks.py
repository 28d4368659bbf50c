"""The configuration of a reverse proxy before the web listener: for nginx and for Caddy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mailhost.config.endpoint import parse_endpoint
from mailhost.config.model import DEFAULT_LISTEN, Settings
from mailhost.config.protocol import ListenProtocol
from mailhost.web.challenge import PATH as CHALLENGES
from mailhost.web.hosts import LABELS

SUGGESTED = ("127.0.0.1", 8080)
_CERTIFICATE = ("/etc/ssl/mailhost/fullchain.pem", "/etc/ssl/mailhost/privkey.pem")
_ANY = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "127.0.0.1"}


@dataclass(frozen=True, slots=True)
class Behind:
    """The facts from which the configuration of a proxy is made. `names` have no other web site,
    `domains` may have one. `listener` is that for HTTP: an address with a port, or `unix:` and a
    path. `certificate` are the files of a chain and its key. `to_add` are settings that the host
    lacks."""

    names: tuple[str, ...]
    domains: tuple[str, ...]
    listener: str
    certificate: tuple[str, str] | None = None
    to_add: tuple[str, ...] = ()


def behind(settings: Settings, domains: Sequence[str]) -> Behind:
    """Return the facts about this host. `domains` are its domains and their other names."""
    below = (f"{label}.{domain}" for domain in domains for label in LABELS)
    names = tuple(dict.fromkeys((settings.hostname, *below)))
    listener = next(_places(settings), "")
    pair = settings.tls.certificate[0] if settings.tls.certificate else None
    return Behind(
        names,
        tuple(name for name in domains if name not in names),
        listener or "{}:{}".format(*SUGGESTED),
        (pair.chain, pair.key) if pair else None,
        tuple(_to_add(settings, listener)),
    )


def _places(settings: Settings) -> Iterator[str]:
    """Yield where listeners for HTTP are, without port 80, which the proxy itself needs."""
    for listen in settings.listen:
        endpoint = parse_endpoint(listen.endpoint)
        if listen.protocol is not ListenProtocol.HTTP or endpoint.proxied:
            continue
        if endpoint.kind == "unix":
            yield f"unix:{endpoint.part('address')}"
        elif endpoint.port and endpoint.port != ListenProtocol.HTTP.usual_port:
            host = _ANY.get(endpoint.interface, endpoint.interface)
            yield f"[{host}]:{endpoint.port}" if ":" in host else f"{host}:{endpoint.port}"


def _to_add(settings: Settings, listener: str) -> Iterator[str]:
    trusted = settings.web.trusted_proxies if settings.web else ()
    if not trusted and not listener.startswith("unix:"):
        yield "[web]"
        yield 'trusted_proxies = ["127.0.0.1", "::1"]'
    if listener:
        return
    if "listen" not in settings.model_fields_set:
        yield "# These tables replace the default listeners; leave out those that are not needed."
        for each in DEFAULT_LISTEN:
            yield from _listen(each.protocol, f"tcp:[::]:{each.protocol.usual_port}")
    host, port = SUGGESTED
    yield from _listen(ListenProtocol.HTTP, f"tcp:{port}:interface={host}")


def _listen(protocol: ListenProtocol, endpoint: str) -> Iterator[str]:
    yield "[[listen]]"
    yield f'protocol = "{protocol.value}"'
    yield f'endpoint = "{endpoint}"'


def nginx(facts: Behind) -> str:
    """Return blocks for nginx, which belong into its block `http`."""
    proxy = [
        f"proxy_pass http://{facts.listener};",
        "proxy_set_header Host $host;",
        "proxy_set_header X-Forwarded-For $remote_addr;",
        "proxy_set_header X-Forwarded-Proto $scheme;",
        "proxy_set_header X-Forwarded-Host $host;",
    ]
    names = ["server_name", *(f"    {name}" for name in facts.names)]
    names[-1] += ";"
    chain, key = facts.certificate or _CERTIFICATE
    lines = [
        *_block("server", "listen 80;", "listen [::]:80;", *names,
            *_block(f"location {CHALLENGES}", *proxy),
            *_block("location /", "return 302 https://$host$request_uri;"),
        ),
        *_block("server", "listen 443 ssl;", "listen [::]:443 ssl;", *names,
            f"ssl_certificate {chain};",
            f"ssl_certificate_key {key};",
            *_block("location /", *proxy),
        ),
    ]  # fmt: skip
    site = _block(r"location ~* ^/(\.well-known/autoconfig|autodiscover)/", *proxy)
    return _text(facts, lines, site)


def caddy(facts: Behind) -> str:
    """Return blocks for a Caddyfile. Without a certificate in the settings, Caddy gets one."""
    upstream = facts.listener.replace("unix:", "unix/")
    tls = ["tls {} {}".format(*facts.certificate)] if facts.certificate else []
    lines = [
        *_block(_listed(f"http://{name}" for name in facts.names),
            *_block(f"handle {CHALLENGES}*", f"reverse_proxy {upstream}"),
            *_block("handle", "redir https://{host}{uri} 302"),
        ),
        *_block(_listed(facts.names), *tls, f"reverse_proxy {upstream}"),
    ]  # fmt: skip
    site = [
        "@mail path /.well-known/autoconfig/* /autodiscover/*",
        f"reverse_proxy @mail {upstream}",
    ]
    return _text(facts, lines, site)


def _listed(names: Iterable[str]) -> str:
    return ",\n".join(names)


def _block(head: str, *inner: str) -> list[str]:
    return [f"{head} {{", *(f"    {line}" for line in inner), "}"]


def _text(facts: Behind, lines: Sequence[str], site: Sequence[str]) -> str:
    """Return the lines, with comments about the settings of this host and about other sites. `site`
    is what the sites of domains need."""
    notes: list[str] = []
    if facts.to_add:
        notes += ["# mailhost needs these settings too:", *(f"#   {line}" for line in facts.to_add)]
    if facts.domains:
        notes += [f"# The sites of {', '.join(facts.domains)} need, each in its block for HTTPS:"]
        notes += [f"#   {line}" for line in site]
    return "".join(f"{line}\n" for line in (*notes, *lines))
