"""Policies of MTA-STS as values (RFC 8461 §3.2, §4.1).

A policy is a text of lines such as `mode: enforce`. Unknown fields are ignored; of several fields
with one name the first counts, except `mx`, of which all count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from mailhost.message.address import BadAddress, parse_domain

LARGEST_POLICY = 65_536  # octets that are fetched (RFC 8461 §3.3)
LONGEST_AGE = 31_557_600  # seconds
MOST_PATTERNS = 200
_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")


class BadPolicy(ValueError):
    """A policy that senders ignore; the text of the exception says why."""


class Mode(Enum):
    """The mode of a policy: the action of senders if an MX host does not match the policy."""

    ENFORCE = "enforce"  # they do not deliver to it
    TESTING = "testing"  # they deliver, and may report
    NONE = "none"  # there is no longer a policy


@dataclass(frozen=True, slots=True)
class STSPolicy:
    """One policy. `max_age` is in seconds. `mx` are host names in A-labels, or patterns such as
    `*.example.org`."""

    mode: Mode
    max_age: int
    mx: tuple[str, ...] = ()

    def allows(self, host: str) -> bool:
        """True for an MX host that the policy names. `*` stands for exactly one label (RFC 8461
        §4.1)."""
        return host in self.mx or f"*.{host.partition('.')[2]}" in self.mx

    @property
    def summary(self) -> str:
        """The policy in short, for the operator."""
        more = f" and {len(self.mx) - 5} more" if len(self.mx) > 5 else ""
        mx = f", mx {', '.join(self.mx[:5])}{more}" if self.mx else ""
        return f"mode {self.mode.value}{mx}, for {self.max_age} s"

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines of the policy as a text."""
        names = (f"mx: {pattern}" for pattern in self.mx)
        age = f"max_age: {self.max_age}"
        return ("version: STSv1", f"mode: {self.mode.value}", *names, age)


def policy_url(domain: str, port: int = 443) -> str:
    """Return the address at which the policy of a domain stands; it is in A-labels. Another port
    than 443 is for tests."""
    at = "" if port == 443 else f":{port}"
    return f"https://mta-sts.{domain}{at}/.well-known/mta-sts.txt"


def parse_policy(body: bytes) -> STSPolicy:
    """Read a policy. Raises BadPolicy."""
    try:
        lines = body.decode("utf-8").splitlines()
    except UnicodeDecodeError as bad:
        raise BadPolicy("it is no text in UTF-8") from bad
    fields = dict[str, str]()
    patterns: list[str] = []
    for line in filter(str.strip, lines):
        name, colon, value = (part.strip(" \t") for part in line.partition(":"))
        if not colon or not _NAME.fullmatch(name) or line[0] in " \t":
            raise BadPolicy(f"{ascii(line[:60])[:60]} is no field with a value")
        if name == "mx" and len(patterns) < MOST_PATTERNS:
            patterns.append(_pattern(value))
        fields.setdefault(name, value)
    if fields.get("version") != "STSv1":
        raise BadPolicy("the field `version: STSv1` is missing")
    policy = STSPolicy(_mode(fields), _max_age(fields), tuple(patterns))
    if policy.mode is not Mode.NONE and not policy.mx:
        raise BadPolicy("it names no mx")
    return policy


def _mode(fields: dict[str, str]) -> Mode:
    try:
        return Mode(fields.get("mode", ""))
    except ValueError as bad:
        raise BadPolicy("its mode must be enforce, testing or none") from bad


def _max_age(fields: dict[str, str]) -> int:
    text = fields.get("max_age", "")
    if not re.fullmatch("[0-9]{1,10}", text) or int(text) > LONGEST_AGE:
        raise BadPolicy(f"its max_age must be seconds, at most {LONGEST_AGE}")
    return int(text)


def _pattern(text: str) -> str:
    """Return a pattern in lower case and A-labels. Raises BadPolicy."""
    star = "*." if text.startswith("*.") else ""
    try:
        return star + parse_domain(text.removeprefix("*."))
    except BadAddress as bad:
        raise BadPolicy(f"{ascii(text[:60])[:60]} is no host name") from bad
