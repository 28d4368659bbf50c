"""Replaces senders and recipients of the envelope. Header fields are not changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from zope.interface import implementer

from mailhost.config.filters.edit import Rewrite
from mailhost.interfaces.filters import IFilter, IPreview
from mailhost.interfaces.verdict import PASS, Mail, Stage, Verdict, edit
from mailhost.message.address import Address, parse_address
from mailhost.message.envelope import ForwardPath

ANY_LOCAL_PART = "*"


class Rewrites:
    """The replacements of addresses: of `ann@a.example`, or of `*@a.example` for a whole domain."""

    def __init__(self, rules: Mapping[str, str]) -> None:
        """Raises BadAddress."""
        self._new = {_key(parse_address(old)): parse_address(new) for old, new in rules.items()}

    def of(self, address: Address) -> Address:
        """Return the replacement of an address, or the address itself where there is none."""
        new = self._new.get(_key(address)) or self._new.get((ANY_LOCAL_PART, address.domain))
        if new is None:
            return address
        return replace(address, domain=new.domain) if new.local == ANY_LOCAL_PART else new


def _key(address: Address) -> tuple[str, str]:
    return address.key, address.domain


@implementer(IFilter, IPreview)
class RewriteFilter:
    """Rewrites the sender at MAIL and each recipient at RCPT, before the reception gets them."""

    stages = (Stage.SENDER, Stage.RECIPIENT)

    def __init__(self, settings: Rewrite) -> None:
        """Raises BadAddress."""
        self._senders = Rewrites(settings.senders)
        self._recipients = Rewrites(settings.recipients)

    def look(self, mail: Mail) -> Verdict:
        if mail.stage is Stage.SENDER:
            return self._sender(mail)
        return self._recipient(mail)

    preview = look

    def _sender(self, mail: Mail) -> Verdict:
        old = mail.envelope.reverse_path
        new = self._senders.of(old) if old is not None else None
        return PASS if new == old else edit(mail.sent_by(new), f"sender {old} becomes {new}")

    def _recipient(self, mail: Mail) -> Verdict:
        path = mail.recipient
        if path is None:
            return PASS
        old, new = path.address, self._recipients.of(path.address)
        if new == old:
            return PASS
        # reports to the sender have the address that the sender wrote (RFC 3461 §4.2)
        changed = ForwardPath(new, path.notify, path.original or f"rfc822;{old}")
        return edit(replace(mail, recipient=changed), f"recipient {old} becomes {new}")
