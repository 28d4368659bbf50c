"""Describes facts as text, one line for each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from mailhost.trace.facts import Facts

MOST_NAMED = 5  # recipients in a line


def moment(facts: Facts) -> str:
    """Return the local time of a fact."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(facts["at"] / 1000))


def fact_text(facts: Facts) -> str:
    """Return the text of a fact; for a kind that only a newer mailhost knows, its name."""
    tell = _TELL.get(facts["event"])
    return tell(facts) if tell is not None else f"({facts['event']})"


def _received(facts: Facts) -> str:
    more = [f"{facts.get('size', 0)} octets", f"Message-ID {facts.get('message_id') or 'none'}"]
    if "subject" in facts:
        more.append(f"subject {facts['subject']!r}")
    what = f"received from {_path(facts.get('from'))} to {_recipients(facts)}"
    return f"{what}, {', '.join(more)}, {_client(facts)}"


def _refused(facts: Facts) -> str:
    username = f" as {facts['username']!r}" if "username" in facts else ""
    sender = f", sender {_path(facts['from'])}" if "from" in facts else ""
    text = f"refused {facts['what']}{username}{sender}, {_client(facts)}: {_reply(facts)}"
    return text + _further(facts, "refusals")


def _filtered(facts: Facts) -> str:
    would = "would " if facts.get("observed") else ""
    about = f" for {_recipients(facts)}" if len(facts.get("to", ())) == 1 else ""
    reason = f": {facts['reason']}" if "reason" in facts else ""
    further = _further(facts, "results of filters for this client")
    return f"filter {facts['filter']}: {would}{facts['decision']}{about}{reason}{further}"


def _authenticated(facts: Facts) -> str:
    treated = f"; treated as {facts['treated']}" if "treated" in facts else ""
    reason = f": {facts['reason']}" if "reason" in facts else ""
    further = _further(facts, "messages of this client")
    return f"sender authentication: {facts['results']}{treated}{reason}{further}"


def _further(facts: Facts, kind: str) -> str:
    """Return how many events of a client were counted and not kept."""
    return f" (and {facts['further']} more {kind})" if "further" in facts else ""


def _queued(facts: Facts) -> str:
    if "held" in facts:
        return f"quarantined for {_recipients(facts)}, see `mailhost queue list`: {facts['held']}"
    return f"queued for {_recipients(facts)}"


_FATES = {
    "delivered": "delivered to {to}{way}{by}",
    "relayed": "relayed for {to}{way}{by}",
    "passed-on": "relayed for {to}{way}{by}",
    "expanded": "the alias {to}{way} was expanded{by}",
    "delayed": "deferred for {to}{way}{by}, is tried again",
    "failed": "failed for {to}{way}{by}",
}


def _attempted(facts: Facts) -> str:
    aliases = ", ".join(map(_path, facts.get("through", ())))
    way = f" (by the alias {aliases})" if aliases else ""
    by = f" by {facts['by']}" if "by" in facts else ""
    text = _FATES.get(facts["fate"], facts["fate"] + " {to}{way}{by}")
    return f"{text.format(to=_recipients(facts), way=way, by=by)}: {_reply(facts)}"


def _passed_on(facts: Facts) -> str:
    return f"passed on to {facts['by']}: {_reply(facts)}"


def _reported(facts: Facts) -> str:
    own = f" as {facts['own']}" if "own" in facts else ""
    return f"{facts['kind']} sent to {_recipients(facts)}{own}"


def _parked(facts: Facts) -> str:
    return f"parked, see `mailhost queue list`: {facts['reason']}"


_COMMANDS = {
    "retried": "tried at once",
    "held": "held",
    "released": "released",
    "removed": "removed",
    "bounced": "removed with a bounce",
}


def _commanded(facts: Facts) -> str:
    done = _COMMANDS.get(facts["command"], facts["command"])
    return f"{done} by a command of the operator, for {_recipients(facts)}"


def _tls_session(facts: Facts) -> str:
    host = f" at {facts['by']}" if "by" in facts else ""
    return f"TLS to {facts['domain']}{host}: {session_text(facts)}"


def session_text(facts: Facts) -> str:
    """Return what TLS a session had, and which rule decided."""
    used = facts.get("tls", "no TLS")
    text = f"{used}, decided by {facts['decided']}"
    if "failure" in facts:
        then = "mail goes on" if facts.get("delivered") else "no mail is sent"
        reason = f": {facts['reason']}" if "reason" in facts else ""
        text += f"; {facts['failure']}, {then}{reason}"
    return text


def _unsigned(facts: Facts) -> str:
    domain = facts["domain"] or "an unknown domain"
    return f"sent without a signature of {domain}: {facts['reason']}"


_TELL: Mapping[str, Callable[[Facts], str]] = {
    "received": _received,
    "refused": _refused,
    "filtered": _filtered,
    "authenticated": _authenticated,
    "queued": _queued,
    "attempted": _attempted,
    "passed on": _passed_on,
    "reported": _reported,
    "parked": _parked,
    "unsigned": _unsigned,
    "commanded": _commanded,
    "tls": _tls_session,
}


def _client(facts: Facts) -> str:
    where = f"[{facts['ip']}]:{facts.get('port', 0)}" if "ip" in facts else "a local socket"
    about = [f"hello {facts['hello']}"] if "hello" in facts else []
    about += [facts["tls"]] if "tls" in facts else ["no TLS"]
    account = f" as {facts['account']}" if "account" in facts else ""
    return f"by {facts.get('protocol', '')} from {where} ({', '.join(about)}){account}"


def _reply(facts: Facts) -> str:
    cause = f" [{facts['cause']}]" if "cause" in facts else ""
    said = f"; the other host said: {facts['said']}" if "said" in facts else ""
    return f"{facts.get('status', '')}{cause}{said}"


def _recipients(facts: Facts) -> str:
    return named(facts.get("to", ()), facts.get("more", 0))


def named(addresses: Iterable[str], more: int = 0) -> str:
    """Return the first addresses, and the number of the others."""
    every = list(addresses)
    others = len(every) - MOST_NAMED + more if len(every) > MOST_NAMED else more
    text = ", ".join(map(_path, every[:MOST_NAMED]))
    return f"{text} and {others} more" if others else text


def _path(address: object) -> str:
    return f"<{address or ''}>"
