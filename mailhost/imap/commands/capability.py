"""CAPABILITY, ENABLE and ID: what the server can, what the client wants, and who both are."""

from __future__ import annotations

import re

from mailhost.imap.completion import Completion, ok
from mailhost.imap.context import Context, State
from mailhost.imap.grammar import response
from mailhost.imap.grammar.commands_session import Capability, Enable, Id
from mailhost.imap.grammar.cursor import Mode
from mailhost.interfaces.events import Identified

ALWAYS = ("IMAP4rev2", "IMAP4rev1", "SASL-IR", "ID", "ENABLE")
AFTER_LOGIN = (
    "LITERAL+", "IDLE", "UNSELECT", "UIDPLUS", "MOVE", "MULTIAPPEND", "BINARY", "ESEARCH",
    "SEARCHRES", "WITHIN", "SORT", "THREAD=REFERENCES", "THREAD=ORDEREDSUBJECT", "CONDSTORE",
    "QRESYNC", "NAMESPACE", "CHILDREN", "LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE",
    "CREATE-SPECIAL-USE", "STATUS=SIZE", "OBJECTID", "SAVEDATE", "PREVIEW", "QUOTA",
    "QUOTA=RES-STORAGE", "QUOTA=RES-MESSAGE", "UTF8=ACCEPT", "COMPRESS=DEFLATE", "INPROGRESS",
    "NOTIFY",
)  # fmt: skip
_ENABLED = ("IMAP4REV2", "CONDSTORE", "QRESYNC", "UTF8=ACCEPT")
_UNPRINTABLE = re.compile(r"[^ -~]+")
LONGEST_LOGGED = 300  # characters of what a client says of itself


def capabilities(context: Context) -> list[str]:
    """Return what is offered to this client now."""
    if context.state is not State.NOT_AUTHENTICATED:
        limit = f"APPENDLIMIT={context.options.append_limit}"
        names = [*ALWAYS, *AFTER_LOGIN, limit]
        if context.compressed:  # RFC 4978 §3
            names.remove("COMPRESS=DEFLATE")
        return context.offers(names)
    mechanisms = context.logins.mechanisms(context.client)
    names = [*ALWAYS, "LITERAL-", *(f"AUTH={name}" for name in mechanisms)]
    if not mechanisms:
        names.append("LOGINDISABLED")
    if context.options.tls_available and context.client.tls is None:
        names.append("STARTTLS")
    return context.offers(names)


def capability(context: Context, _: Capability) -> Completion:
    """CAPABILITY."""
    context.wire.write(response.untagged(response.capability(capabilities(context))))
    return ok("Completed")


def enable(context: Context, command: Enable) -> Completion:
    """ENABLE (RFC 5161)."""
    offered = context.offers(_ENABLED)
    wanted = [name for name in command.capabilities if name in offered]
    if "IMAP4REV2" in wanted:
        context.mode = Mode(True, context.mode.utf8)
    if "UTF8=ACCEPT" in wanted:
        context.mode = Mode(context.mode.rev2, True)
    if "CONDSTORE" in wanted or "QRESYNC" in wanted:
        context.enable_condstore()
    if "QRESYNC" in wanted:
        context.qresync = context.uid_in_fetch = True
    names = ["IMAP4rev2" if name == "IMAP4REV2" else name for name in wanted]
    context.wire.write(response.enabled(names))
    return ok("Enabled")


def identify(context: Context, command: Id) -> Completion:
    """ID (RFC 2971). The reply of the client is only logged, once."""
    if command.fields and not context.identified:
        context.identified = True
        pairs = [f"{name}={value}" for name, value in command.fields if value]
        text = _UNPRINTABLE.sub("?", " ".join(pairs))[:LONGEST_LOGGED]
        context.events.emit(Identified(context.client, context.account, text))
    context.wire.write(response.identification({"name": "mailhost"}))
    return ok("Identified")
