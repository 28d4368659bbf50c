"""The ways in which strangers try to send mail through a server to another domain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address


@dataclass(frozen=True, slots=True)
class Trick:
    """A reverse-path and a forward-path, as they stand after MAIL FROM: and RCPT TO:. `local` is
    true for a forward-path that may be the strange name of a mailbox of the server itself: if the
    server accepts any name, its reply says nothing. `baseline` is true for a mailbox that does not
    exist, which shows whether the server accepts any name."""

    name: str
    sender: str
    recipient: str
    local: bool = False
    baseline: bool = False


@dataclass(frozen=True, slots=True)
class Names:
    """`here` is a domain of the server, `ip` its address. `local` and `domain` are the two parts of
    the address elsewhere, `sender` is an address that the server does not know. `unknown` is a
    name that no mailbox of the server has."""

    here: str
    ip: str
    local: str
    domain: str
    sender: str
    unknown: str


def tricks(names: Names) -> Iterator[Trick]:
    """Yield all tricks, the plain ones first."""
    elsewhere, sender = f"<{names.local}@{names.domain}>", f"<{names.sender}>"
    yield Trick("a stranger's sender", sender, elsewhere)
    yield Trick("the null reverse-path", "<>", elsewhere)
    yield Trick("a sender of the server's own domain", f"<postmaster@{names.here}>", elsewhere)
    yield Trick("a sender without a domain", "<postmaster>", elsewhere)
    yield Trick("a sender at localhost", "<postmaster@localhost>", elsewhere)
    for name, recipient, local in _recipients(names):
        yield Trick(name, sender, recipient, local)


def unknown_names(names: Names) -> Iterator[Trick]:
    """Yield mailboxes that do not exist: a server that accepts these accepts any name."""
    sender = f"<{names.sender}>"
    yield Trick(
        "a name that does not exist", sender, f"<{names.unknown}@{names.here}>", baseline=True
    )
    yield Trick("such a name without a domain", sender, f"<{names.unknown}>", baseline=True)


def _recipients(names: Names) -> Iterator[tuple[str, str, bool]]:
    here, local, domain = names.here, names.local, names.domain
    literal = f"[IPv6:{names.ip}]" if ip_address(names.ip).version == 6 else f"[{names.ip}]"
    yield "a source route", f"<@{here}:{local}@{domain}>", False
    yield "a source route of an address", f"<@{literal}:{local}@{domain}>", False
    yield "a long source route", f"<@{here},@{here}:{local}@{domain}>", False
    yield "a percent hack", f"<{local}%{domain}@{here}>", True
    yield "a percent hack at an address", f"<{local}%{domain}@{literal}>", True
    yield "a percent hack without a domain", f"<{local}%{domain}>", True
    yield "a quoted local-part", f'<"{local}@{domain}"@{here}>', True
    yield "a quoted local-part without a domain", f'<"{local}@{domain}">', True
    yield "a bang path", f"<{domain}!{local}@{here}>", True
    yield "a bang path without a domain", f"<{domain}!{local}>", True
    yield "two domains", f"<{local}@{domain}@{here}>", True
    yield "an empty domain", f"<{local}@{domain}@>", True
    yield "a domain that ends with a dot", f"<{local}@{domain}.>", False
    yield "an address literal", f"<{local}@[192.0.2.1]>", False
