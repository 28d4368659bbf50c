"""The text of an explanation, from its JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from mailhost.cli.table import counted, size

_LABEL = 11  # columns
_LONGEST = 500  # characters of one value, such as the reason of a filter


def explanation_lines(found: dict[str, Any], width: int) -> Iterator[str]:
    """Yield the lines of an explanation, `width` columns wide if no word is longer."""
    for label, text in _facts(found):
        yield from _wrapped(f"{label:<{_LABEL}}", text, width)
    yield ""
    yield "Session"
    for each in found["session"]:
        yield from _exchange(each, width)
    yield ""
    yield "Filters, in the order in which they are asked"
    filters = found["filters"] or [None]
    for each in filters:
        text = _filter(each) if each else "none"
        yield from _wrapped("  ", text, width)
    way = found["way"]
    if way["steps"] or way["result"]:
        yield ""
        yield f"Where {found['recipient']} leads"
        for line in _way(way):
            yield from _wrapped("  ", line, width)


def _facts(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    listener, client = found["listener"], found["client"]
    yield "Listener", f"{listener['protocol']} on {listener['address']}: {listener['rule']}"
    tls = "over TLS" if client["tls"] else "without TLS"
    login = f", logged in as {client['account']}" if client["account"] else ", without a login"
    yield "Client", f"{client['ip'] or 'a local socket'}, EHLO {client['hello']}, {tls}{login}"
    if client["login"]:
        yield "Login", f"is refused: {client['login']}"
    yield "Relay", _allowed(found["relay"])
    yield "Sender", _allowed(found["sender"])
    yield "Size", f"messages have at most {size(listener['message_size'])}"
    signing = found["signing"]
    selectors = ", ".join(signing["selectors"])
    signed = f"signed by {signing['domain']} with {selectors}"
    yield (
        "Signature",
        f"none by {signing['domain']}: {signing['reason']}" if not selectors else signed,
    )


def _allowed(value: dict[str, Any]) -> str:
    return f"{'may' if value['allowed'] else 'may not'}: {value['reason']}"


def _exchange(each: dict[str, Any], width: int) -> Iterator[str]:
    if each["command"]:
        yield from _wrapped("  C: ", each["command"], width)
    first, *more = each["reply"].splitlines()
    if first.startswith("2") and more:  # the list of EHLO
        first, more = f"{first} (and {counted(len(more), 'more line')})", []
    for line in (first, *more):
        yield from _wrapped("  S: ", line, width)


def _filter(each: dict[str, Any]) -> str:
    mode = ", observed only" if each["mode"] == "observe" else ""
    reason = f": {each['reason']}" if each["reason"] else ""
    return f"{each['stage']:<10}{each['name']}{mode}: {each['answer']}{reason}"


def _way(way: dict[str, Any]) -> Iterator[str]:
    for step in way["steps"]:
        yield _step(step)
    for box in way["mailboxes"]:
        yield f"mailbox of {box['account']}: {_quota(box)}"
    for hop in way["next_hops"]:
        yield from _next_hop(hop)
    if way["result"]:
        yield f"result: {way['result']}"
    if way["more"]:
        yield f"and {way['more']} more"


def _step(step: dict[str, Any]) -> str:
    address, name = step["address"], step["name"]
    found = f" (found as {name})" if name.lower() != address.lower() else ""
    return f"{address}{found} {_RULES[step['rule']]}{_targets(step['targets'])}"


_RULES = {
    "mailbox": "is a mailbox",
    "alias": "is an alias of ",
    "catch-all": "is not a name of its domain, and goes to the catch-all ",
    "admin": "has no account or alias, and goes to the admin ",
    "bare postmaster": "without a domain stands for ",
    "reports": "is an address for reports of other hosts",
    "elsewhere": "is in a domain of another host",
    "again": "was expanded before",
    "came back": "is an alias that the message came through before",
    "loop": "leads back to itself",
    "no reader": "has no reader: `admin` is not set, or its address does not exist",
    "unknown": "does not exist",
}


def _targets(targets: Iterable[str]) -> str:
    return ", ".join(targets)


def _quota(box: dict[str, Any]) -> str:
    if box["quota"] is None:
        return "no quota"
    fits = "the message fits in" if box["fits"] else "the message does not fit in"
    return f"quota {size(box['quota'])}, {fits}"


def _next_hop(hop: dict[str, Any]) -> Iterator[str]:
    where = f"the route via {hop['route']}" if hop["route"] else "MX hosts"
    tls = f"; {hop['tls']}" if hop["tls"] else ""
    yield f"{hop['address']} goes to {where}, port {hop['port']}{tls}"
    if hop.get("policy"):
        yield f"  {hop['policy']}"
    if hop["trouble"]:
        yield f"  no host: {hop['trouble']}"
    for host in hop["hosts"]:
        found = ", ".join(host["addresses"]) or f"not usable: {host['trouble']}"
        preference = "" if hop["route"] else f"{host['preference']} "
        differs = host.get("tls") if not hop["tls"] else ""
        yield f"  {preference}{host['name']}: {found}{f'; {differs}' if differs else ''}"


def _wrapped(start: str, text: str, width: int) -> list[str]:
    indent = " " * (len(text) - len(text.lstrip()))
    shown = text.strip()
    return textwrap.wrap(
        shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]} ...",
        width,
        initial_indent=start + indent,
        subsequent_indent=" " * len(start) + indent + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    ) or [start]
