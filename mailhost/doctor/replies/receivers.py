"""The reply texts of large receivers, of blocklists, and of hosts that defer unknown senders.

Each row has a pattern for the codes and the text of a reply. The first row that matches is used, so
the special ones come first. Gmail's replies end in `gsmtp`; it uses some codes otherwise than the
registry does.
"""

from __future__ import annotations

from mailhost.doctor.replies.explanation import Actor, KnownReply, known_reply

_RECORDS = "`mailhost dns DOMAIN --check` shows what DNS lacks."
_SLOWER = (
    "Send less until the limit is lifted, and look for a compromised account: "
    "`mailhost queue list` shows the senders."
)


_GMAIL = "https://support.google.com/mail/answer/81126"
_YAHOO = "https://senders.yahooinc.com/smtp-error-codes/"
_OUTLOOK = "https://sendersupport.olc.protection.outlook.com/pm/troubleshooting"


def _gmail(code: str, meaning: str, remedy: str, actor: Actor = Actor.US) -> KnownReply:
    return known_reply("Gmail", rf"[45]\.{code}\b.*gsmtp", meaning, actor, remedy, _GMAIL)


def _yahoo(words: str, meaning: str, remedy: str, actor: Actor = Actor.US) -> KnownReply:
    return known_reply("Yahoo", words, meaning, actor, remedy, _YAHOO)


def _outlook(words: str, meaning: str, remedy: str, actor: Actor = Actor.US) -> KnownReply:
    return known_reply("Microsoft", words, meaning, actor, remedy, _OUTLOOK)


KNOWN = (
    _gmail(
        r"7\.26",
        "The message passes neither SPF nor DKIM for its From domain, or fails DMARC.",
        f"Publish SPF and the DKIM key of the From domain. {_RECORDS}",
    ),
    _gmail(
        r"7\.27",
        "SPF does not pass; senders of bulk mail need it.",
        f"Add this host to the SPF record of the envelope sender's domain. {_RECORDS}",
    ),
    _gmail(
        r"7\.2[35]",
        "The sending address has no reverse name, or one that does not lead back to it.",
        "Have the provider of the address set its PTR record to the host's name. If IPv6 alone "
        "lacks it, send by IPv4: `relay.families`.",
    ),
    _gmail(
        r"7\.24",
        "The SPF record of the sender's domain looks wrong.",
        f"Correct the record. {_RECORDS}",
    ),
    _gmail(
        r"7\.28",
        "Gmail limits mail from this address, network, or domain, as it sees unusually much "
        "unsolicited mail from there.",
        _SLOWER,
    ),
    _gmail(
        r"7\.29", "The connection had no TLS; Gmail wants it.", "Do not switch TLS off in a route."
    ),
    _gmail(
        r"7\.30",
        "No DKIM signature passes; senders of bulk mail need one.",
        "See `mailhost dkim list`; publish the key that it shows.",
    ),
    _gmail(
        r"7\.32",
        "The From domain is not that of the DKIM signature or of the envelope sender (DMARC "
        "alignment).",
        "Sign with a key of the From domain; see `mailhost dkim list`.",
    ),
    known_reply(
        "Gmail",
        r"unusual rate of unsolicited mail.*gsmtp|likely unsolicited mail.*gsmtp",
        "Gmail takes this message, or mail from this address, for spam.",
        Actor.US,
        _SLOWER,
        _GMAIL,
    ),
    known_reply(
        "Gmail",
        r"receiving mail (too quickly|at a rate).*gsmtp",
        "The recipient's mailbox gets too much mail at the moment.",
        Actor.NO_ONE,
        "The queue tries again by itself.",
    ),
    known_reply(
        "Gmail",
        r"(over quota|out of storage space|inbox is out of storage).*gsmtp",
        "The recipient's mailbox is full.",
        Actor.RECIPIENT,
        "Tell the recipient by other means.",
    ),
    known_reply(
        "Gmail",
        r"\bgcdp\b",
        "A rule that the administrator of the recipient's domain made refuses the message.",
        Actor.THEM,
        "Ask the administrator of the recipient's domain.",
    ),
    _yahoo(
        r"\[TSS0[0-9]\]|\[TS0[0-9]\]",
        "Yahoo defers mail from this address, because of its volume or of complaints.",
        f"{_SLOWER} Register for Yahoo's complaint feedback loop, which needs DKIM.",
    ),
    _yahoo(
        r"\[BL[0-9]{2}\]",
        "The sending address is on a blocklist that Yahoo uses; 21 and 23 are Spamhaus's.",
        "Look the address up at the blocklist, mend the cause there, and ask for removal.",
    ),
    _yahoo(
        r"5\.7\.9.*(policy reasons|unauthenticated)|failed DMARC.*yahoo",
        "The message fails the DMARC policy of its From domain.",
        f"Sign with a key of the From domain. {_RECORDS}",
    ),
    _outlook(
        r"5\.7\.515",
        "The From domain does not meet Outlook's demands of senders of more than 5,000 messages a "
        "day: SPF, DKIM and DMARC must all pass.",
        f"Publish SPF, the DKIM key, and a DMARC record. {_RECORDS}",
    ),
    _outlook(
        r"\(S(3140|3150)\)|\((AS|BAN|EX|OU|SC)-?00[0-9]\)|block list \(",
        "The sending address, or its network, is on Microsoft's own blocklist.",
        "Mend the cause (a compromised account, a missing PTR record), then ask for removal by the "
        "form for Outlook.com. If the whole network is listed, the provider must act.",
    ),
    _outlook(
        r"\bRP-00[0-9]|4\.7\.65[0-9]|\bS77[0-9][0-9]\b",
        "Microsoft limits mail from this address because of its reputation; new addresses begin "
        "low.",
        "Send little at first and more each day. The queue tries again by itself.",
    ),
    _outlook(
        r"\bDY-00[0-9]",
        "The sending address looks like one of a home connection.",
        "Send by way of the provider's smarthost (`[[relay.route]]`), or have the PTR record set.",
    ),
    _outlook(
        r"5\.7\.(606|511|512)|sender\.office\.com|delist@microsoft",
        "The sending address is on the blocklist of Microsoft 365.",
        "Ask for removal at sender.office.com, after the cause is mended.",
    ),
    _outlook(
        r"4\.4\.316|5\.4\.316|AS\([0-9]+\).*outlook",
        "Microsoft 365 could not hand the message on in its network, or a rule of the recipient's "
        "organisation applies.",
        "Ask the administrator of the recipient's domain.",
        Actor.THEM,
    ),
    known_reply(
        "Apple",
        r"\[(HM|CS|HC)[0-9]{2}\]|icloud\.com.*local policy|support\.apple\.com",
        "iCloud refuses the message by its rules about reputation or content.",
        Actor.US,
        "Check SPF, DKIM and PTR; then write to icloudadmin@apple.com.",
        "https://support.apple.com/en-us/102322",
    ),
    known_reply(
        "Spamhaus",
        r"spamhaus",
        "The sending address is on a list of Spamhaus. PBL lists addresses of home connections, "
        "XBL infected hosts, SBL senders of spam.",
        Actor.US,
        "Look the address up, mend the cause, and remove it there. If the reply mentions an open "
        "resolver, the receiving host asks Spamhaus in a way that is not allowed, and its operator "
        "must act.",
        "https://check.spamhaus.org/",
    ),
    known_reply(
        "Barracuda",
        r"barracuda|b\.barracudacentral",
        "The sending address is on Barracuda's list.",
        Actor.US,
        "Mend the cause, then ask for removal there.",
        "https://www.barracudacentral.org/lookups",
    ),
    known_reply(
        "SpamCop",
        r"spamcop",
        "The sending address is on SpamCop's list, which forgets it a day after the last report.",
        Actor.US,
        "Mend the cause, and wait for a day.",
        "https://www.spamcop.net/bl.shtml",
    ),
    known_reply(
        "Proofpoint",
        r"proofpoint|ipcheck\.proofpoint",
        "The sending address has a bad reputation at Proofpoint.",
        Actor.US,
        "Mend the cause, then ask for removal there.",
        "https://ipcheck.proofpoint.com/",
    ),
    known_reply(
        "T-Online",
        r"t-online|IP=\S+ - (A problem|None/bad reputation)",
        "T-Online takes mail from addresses alone that it knows, with a PTR record and an imprint "
        "at the domain's website.",
        Actor.US,
        "Set the PTR record, and write to tobr@rx.t-online.de.",
        "https://postmaster.t-online.de/",
    ),
    known_reply(
        "the receiving host",
        r"gr[ea]y-?list|postgrey|please (try|come back).*(minutes|seconds)",
        "The receiving host greylists: it defers the first mail of an unknown sender.",
        Actor.NO_ONE,
        "The queue tries again by itself, and the message is accepted after minutes. Do not send "
        "it again by hand.",
    ),
    known_reply(
        "the receiving host",
        r"block(ed)? (using|by)|listed (at|in|by|on)|dnsbl|\brbl\b|blacklist|blocklist",
        "The sending address, or its name, is on a blocklist.",
        Actor.US,
        "Follow the link in the reply, mend the cause, and ask for removal there.",
    ),
    known_reply(
        "the receiving host",
        r"relay(ing)? (access )?(is )?(denied|not (permitted|allowed))|unable to relay|"
        r"not (a )?local domain|we do not relay",
        "The receiving host does not serve the recipient's domain, and does not know this client.",
        Actor.US,
        "In a mail program: switch on the login for outgoing mail. Between hosts: the MX record of "
        "the domain leads to a host that does not serve it.",
    ),
    known_reply(
        "the receiving host",
        r"(reverse|ptr|rdns)\b.*(record|hostname|name|dns|lookup|not found|missing)|"
        r"cannot find your (reverse )?hostname",
        "The sending address has no reverse name, or one that does not lead back to it.",
        Actor.US,
        "Have the provider of the address set its PTR record to the host's name.",
    ),
    known_reply(
        "the receiving host",
        r"helo.*(reject|invalid|need|fully|qualified|not found)|host not found.*helo",
        "The receiving host does not accept the name that this host gives in EHLO.",
        Actor.US,
        "Set `hostname` to a name with an A or AAAA record of this host.",
    ),
    known_reply(
        "the receiving host",
        r"dmarc",
        "The message fails the DMARC policy of its From domain.",
        Actor.US,
        f"Sign with a key of the From domain, or send by one of its hosts. {_RECORDS}",
    ),
    known_reply(
        "the receiving host",
        r"\bspf\b",
        "SPF does not allow this host to send for the domain of the envelope sender.",
        Actor.US,
        f"Add this host's addresses to the SPF record. {_RECORDS}",
    ),
    known_reply(
        "the receiving host",
        r"(mailbox|quota).*(full|exceed|over)|over ?quota|out of storage",
        "The recipient's mailbox is full.",
        Actor.RECIPIENT,
        "Tell the recipient by other means.",
    ),
    known_reply(
        "the receiving host",
        r"(user|mailbox|recipient|account|address)\b.*"
        r"(unknown|not exist|not found|no such|unavailable|invalid|disabled|inactive)|"
        r"no such (user|mailbox|person)|unknown (user|recipient)|"
        r"does(n't| not) (exist|have an account)",
        "The mailbox does not exist, or is closed.",
        Actor.SENDER,
        "Ask the recipient for the right address.",
    ),
    known_reply(
        "the receiving host",
        r"too (many|much)|rate limit|throttl|slow down|exceeded.*(limit|rate)",
        "The receiving host limits how much it takes from this host or for this recipient.",
        Actor.NO_ONE,
        "The queue tries again by itself. If the reply stays, send less.",
    ),
    known_reply(
        "the receiving host",
        r"spam|unsolicited|content (rejected|refused)|virus|malware|phish",
        "The receiving host takes the content for spam or for malware.",
        Actor.SENDER,
        "Send the message without links and attachments, to see which part is the reason.",
    ),
)
