"""The TXT record that says that a domain has a policy of MTA-STS (RFC 8461 §3.1)."""

from __future__ import annotations

import re

from mailhost.message.tag_list import BadTagList, parse_tags

_VERSION = re.compile(rb"v=STSv1[ \t]*;")
_ID = re.compile(r"[A-Za-z0-9]{1,32}")


class BadSTSRecord(ValueError):
    """A record that senders ignore; the text of the exception says why."""


def record_name(domain: str) -> str:
    """Return the name at which the record of a domain stands."""
    return f"_mta-sts.{domain}"


def is_sts(record: bytes) -> bool:
    """True for a TXT record that is one of MTA-STS; others at its name are ignored."""
    return _VERSION.match(record) is not None


def policy_id(record: bytes) -> str:
    """Return the id, which changes with each policy. Raises BadSTSRecord."""
    try:
        tags = parse_tags(record.decode("utf-8", "replace"))
    except BadTagList as bad:
        raise BadSTSRecord(str(bad)) from bad
    if not _ID.fullmatch(tags.get("id", "")):
        raise BadSTSRecord("it needs an id of 1 to 32 letters and digits")
    return tags["id"]
