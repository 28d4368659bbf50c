"""Checks over the wire that a server does not relay for strangers, with the usual tricks."""

from __future__ import annotations

from collections.abc import Sequence

from mailhost.doctor.abuse.connecting import OpenConnection
from mailhost.doctor.abuse.relaying import RelayAttempt, try_all
from mailhost.doctor.abuse.tricks import Names
from mailhost.doctor.checks import Check
from mailhost.doctor.clients.check import TOPIC
from mailhost.doctor.finding import Fault, Finding, failure, ok, unknown

OPEN_RELAY = Fault(
    "open-relay",
    "Strangers send spam through an open relay, so other hosts soon refuse all mail "
    "from the server.",
)
RELAY_UNDECIDED = Fault(
    "relay-undecided",
    "The server may be an open relay unless it refuses the recipient permanently (5xx).",
)
SECONDS = 45.0
MOST_SHOWN = 3  # attempts
_REMEDY = (
    "Make the server accept recipients of other domains only from users who log in; check the "
    "networks that the server trusts, and how it routes the address that was accepted."
)
_ELSEWHERE = "Run the doctor on a machine whose mail the server accepts."
_LATER = "Run the doctor again in ten minutes, from the same address."


def open_relay_check(
    open_connection: OpenConnection,
    names: Names,
    where: str,
    remedy: str = _REMEDY,
    own_names: bool = False,
) -> Check:
    """Return the check of one port, which the texts call `where`.

    `own_names` is True for a server that takes each forward-path at its own domain for a mailbox of
    its own.
    """
    tried = f"relaying through {where}"

    async def run() -> Sequence[Finding]:
        attempts = await try_all(open_connection, names)
        if all(each.trick.baseline for each in attempts):
            return []  # the checks of connections report the reason
        return [judge(attempts, tried, remedy, own_names)]

    return Check(TOPIC, f"{where} does not relay for strangers", SECONDS, run)


def judge(attempts: Sequence[RelayAttempt], tried: str, remedy: str, own_names: bool) -> Finding:
    """Return the finding. With `own_names`, a forward-path that may be the name of a mailbox counts
    as a mailbox."""
    any_name = own_names or any(each.accepted for each in attempts if each.trick.baseline)
    tries = [each for each in attempts if not each.trick.baseline]
    accepted = [each for each in tries if each.accepted]
    sure = [each for each in accepted if not (each.trick.local and any_name)]
    deferred = [each for each in tries if each.reply.temporary and not each.trick.local]
    if sure:
        return failure(OPEN_RELAY, tried, _shown(sure), remedy)
    if accepted and not own_names:
        names = _shown(accepted)
        seen = f"the server accepts any local part, so these may be its mailboxes: {names}"
        return unknown(RELAY_UNDECIDED, tried, seen, _REMEDY)
    if deferred:
        return unknown(RELAY_UNDECIDED, tried, _shown(deferred), _LATER)
    if not own_names and _all_alike(attempts):
        seen = f"the server refuses all recipients alike, perhaps for another reason: {tries[0]}"
        return unknown(RELAY_UNDECIDED, tried, seen, _ELSEWHERE)
    return ok(tried, f"all {len(tries)} tries were refused, such as {tries[0]}")


def _all_alike(attempts: Sequence[RelayAttempt]) -> bool:
    """True if recipients of the server's own domain are refused with the same reply as others, and
    its text does not mention relaying: the server may refuse this machine."""
    replies = {str(each.reply).lower() for each in attempts}
    return len(replies) == 1 and "relay" not in replies.pop()


def _shown(attempts: Sequence[RelayAttempt]) -> str:
    more = f", and {len(attempts) - MOST_SHOWN} more" if len(attempts) > MOST_SHOWN else ""
    return "; ".join(map(str, attempts[:MOST_SHOWN])) + more
