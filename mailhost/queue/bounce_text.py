"""The text of a bounce or other report for its reader: the failure, the reply of the other host,
advice."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from mailhost.message.address import Address, unicode_domain
from mailhost.message.date import format_date
from mailhost.message.outcome import Fate, Outcome

_LINE_WIDTH = 72
_LONGEST_REPLY_SHOWN = 900  # characters of an answer

_HEADINGS = {
    Fate.FAILED: "It could not be delivered to the following, and is not tried again:",
    Fate.DEFERRED: "It has not been delivered yet to the following. It is not lost, and there "
    "is nothing you need to do:",
    Fate.DELIVERED: "It was delivered to the mailbox of:",
    Fate.RELAYED: "It was passed on to a host that sends no reports of its own, for:",
    Fate.EXPANDED: "It was passed on to everybody on the list, for:",
}

# By enhanced code (RFC 3463), the most exact first.
_ADVICE = (
    ("4.4.7", "The other side could not be reached or did not take it in time. Ask the recipient "
     "in another way, or send it again later."),
    (".1.10", "This domain takes no mail. Look for a typing error after the @."),
    (".1.1", "There is no such mailbox. Look for a typing error in the address."),
    (".1.2", "There is no such mail domain. Look for a typing error after the @."),
    (".1.", "Look for a typing error in the address."),
    (".2.1", "The mailbox is closed for now. Ask the recipient in another way."),
    (".2.2", "The mailbox is full. Tell the recipient in another way, and send it again later."),
    (".2.3", "Send a smaller message."),
    (".3.4", "Send a smaller message, or put large files somewhere to be fetched."),
    (".4.4", "The domain's mail host could not be found. Look for a typing error after the @."),
    (".4.6", "The mail went round in a circle. Tell the postmaster of the recipient's domain."),
    (".7.30", "The message was sent with REQUIRETLS, and no mail host of the domain supports that. "
     "Ask the recipient in another way, or send the message again without REQUIRETLS."),
    (".7.10", "The message must be sent over TLS with a certificate that can be verified, and the "
     "other side does not offer that. Ask the recipient in another way."),
    (".6.", "The other side cannot take a message of this kind. Send it in a simpler form."),
    (".7.", "The other side does not want this message. Its answer may say why; if you think it "
     "is wrong, show it this report."),
)  # fmt: skip


def explain(
    outcomes: Sequence[Outcome], hostname: str, arrived: float, retry_until: float | None
) -> str:
    """Return the text, in lines of at most 72 characters joined by LF.

    `arrived` and `retry_until` are in seconds since the epoch.
    """
    lines = [f"This is the mail host {hostname}, about the message that you sent"]
    lines.append(f"on {format_date(int(arrived))}.")
    for fate, heading in _HEADINGS.items():
        some = [outcome for outcome in outcomes if outcome.fate is fate]
        if some:
            lines += ["", *_wrapped(heading, "")]
            lines += [line for outcome in some for line in _recipient(outcome)]
        if some and fate is Fate.DEFERRED and retry_until is not None:
            lines += ["", f"It is tried again until {format_date(int(retry_until))}."]
    lines += ["", "Details for programs, and your message or its header, are attached."]
    return "\n".join(lines)


def _recipient(outcome: Outcome) -> Iterator[str]:
    yield ""
    yield f"  <{outcome.recipient.address}>{_in_unicode(outcome.recipient.address)}"
    if outcome.fate not in (Fate.FAILED, Fate.DEFERRED):
        return
    yield from _wrapped(_what_happened(outcome)[:_LONGEST_REPLY_SHOWN], "    ")
    if outcome.fate is Fate.FAILED:
        yield from _wrapped(_advice(outcome.status.enhanced), "    ")


def _what_happened(outcome: Outcome) -> str:
    """Return the reply of the other host, and our own verdict, which may be about a host, where
    there is no reply or the verdict says more."""
    status = outcome.status
    given_up = outcome.fate is Fate.FAILED and status.temporary  # the text quotes the last reply
    if status.answer and not given_up:
        why = f"; {status}" if status.says_more else ""
        return f"{outcome.by} answered: {status.answer}{why}"
    return f"{outcome.by}: {status}" if outcome.by else str(status)


def _in_unicode(address: Address) -> str:
    domain = unicode_domain(address.domain)
    return "" if domain == address.domain else f" ({domain})"


def _advice(enhanced: str) -> str:
    return next((text for part, text in _ADVICE if part in enhanced), "")


def _wrapped(text: str, indent: str) -> Iterable[str]:
    return textwrap.wrap(
        text, _LINE_WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
