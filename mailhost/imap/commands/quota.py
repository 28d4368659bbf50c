"""GETQUOTA, GETQUOTAROOT and SETQUOTA (RFC 9208). An account has one quota root, with no name."""

from __future__ import annotations

from mailhost.imap.completion import Completion, no, ok, refused
from mailhost.imap.context import Context
from mailhost.imap.grammar.commands_mailbox import GetQuota, GetQuotaRoot, SetQuota
from mailhost.imap.grammar.response_mailbox import quota, quota_root
from mailhost.interfaces.folders import StoreRefusal

ROOT = ""
UNIT = 1024  # octets


async def get_quota(context: Context, command: GetQuota) -> Completion:
    """GETQUOTA."""
    if command.root != ROOT:
        return no("There is no such quota root", b"NONEXISTENT")
    return await _tell(context)


async def get_quota_root(context: Context, command: GetQuotaRoot) -> Completion:
    """GETQUOTAROOT."""
    context.wire.write(quota_root(command.mailbox, [ROOT], utf8=context.mode.utf8_names))
    return await _tell(context)


async def _tell(context: Context) -> Completion:
    usage = await context.mail.usage()
    if isinstance(usage, StoreRefusal):
        return refused(usage)
    if usage.limit is not None:
        storage = ("STORAGE", -(-usage.octets // UNIT), usage.limit // UNIT)
        context.wire.write(quota(ROOT, [storage]))
    return ok("Completed")


def set_quota(_: Context, __: SetQuota) -> Completion:
    """SETQUOTA: quotas are the operator's."""
    return no("The operator sets quotas: `mailhost account quota`", b"NOPERM")
