"""Deferrals of this host itself: mail that is not sent without TLS, by the rule that decided."""

from __future__ import annotations

from mailhost.doctor.replies.explanation import Actor, KnownReply, known_reply

_BEFORE = r"No mail is sent to \S+ without the TLS that "
_URGENT = "An urgent message can be sent with the header field `TLS-Required: No`."


def _own(rule: str, meaning: str, actor: Actor, remedy: str) -> KnownReply:
    return known_reply("this host", f"{_BEFORE}{rule}.* requires", meaning, actor, remedy)


OWN = (
    _own(
        r".*\(REQUIRETLS\)",
        "The sender demands TLS on the whole way, and a host on it does not offer enough of it.",
        Actor.SENDER,
        "Send the message again without REQUIRETLS, if TLS need not be certain for it.",
    ),
    _own(
        r"its TLS of .*relay\.tls\.memory",
        "The host had TLS before and has not now: by a fault of its operator, or by an attack.",
        Actor.THEM,
        "Ask the postmaster of the domain by other means whether this is intended. If so, "
        "`mailhost relay forget-tls HOST` lets mail go on.",
    ),
    _own(
        "the route of the settings",
        "A route of the settings requires TLS that its host does not offer.",
        Actor.US,
        "Look at the certificate of that host, and at `tls` of the route.",
    ),
    _own(
        "",
        "The receiving domain demands TLS by a policy that its own host does not fulfil.",
        Actor.THEM,
        f"`mailhost doctor DOMAIN` shows the fault; its administrators can correct it. {_URGENT}",
    ),
)
