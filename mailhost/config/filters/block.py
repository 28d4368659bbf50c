"""The settings of filters that refuse mail."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import Field

from mailhost.config.filters.common import Acting, Action, Filter, LookAt, OnError
from mailhost.config.section import DAY, HOUR, MINUTE, Positive
from mailhost.config.types import (
    Bytes,
    Count,
    DomainName,
    Expression,
    FieldName,
    Network,
    Path,
    Switch,
)


class DNSList(Acting):
    """`kind = "dnslist"`: a DNS blocklist or allowlist (RFC 5782). The filter matches if an answer
    is in `answers`.

    Clients that logged in, or are in `relay.networks`, are never looked up.
    """

    kind: Literal["dnslist"]
    zones: Annotated[tuple[DomainName, ...], Field(min_length=1)]
    look_at: LookAt = LookAt.CLIENT
    answers: tuple[Network, ...] = (ip_network("127.0.0.0/8"),)
    on_error: OnError = OnError.PASS


class List(Acting):
    """`kind = "list"`: addresses, networks, names. `file` has one entry in each line, and is read
    again when it changes."""

    kind: Literal["list"]
    look_at: LookAt = LookAt.CLIENT
    entries: tuple[str, ...] = ()
    file: Path | None = None


class Greylist(Filter):
    """`kind = "greylist"` (RFC 6647): a new client has to try again after `delay` and within
    `retry`, and is then known for `remember`. All clients of a network, or of a pool of hosts,
    count as one. Clients that logged in, or are in `relay.networks`, are never deferred."""

    kind: Literal["greylist"]
    delay: Positive = 5 * MINUTE
    retry: Positive = 2 * DAY
    remember: Positive = 35 * DAY
    networks: tuple[Network, ...] = ()
    ipv4_prefix: Annotated[Count, Field(ge=8, le=32)] = 24
    ipv6_prefix: Annotated[Count, Field(ge=16, le=128)] = 64
    unless: tuple[str, ...] = ("known",)


class CountBy(StrEnum):
    """The property by which a rate counts messages."""

    CLIENT = "client"
    SENDER = "sender"
    RECIPIENT = "recipient"
    ACCOUNT = "account"


class Rate(Acting):
    """`kind = "rate"`: `limit` messages within a time; by recipient: `limit` messages to each."""

    kind: Literal["rate"]
    count_by: CountBy = CountBy.CLIENT
    limit: Annotated[Count, Field(ge=1)]
    within: Positive = HOUR
    action: Action = Action.DEFER


class Size(Acting):
    """`kind = "size"`: messages larger than `limit`, in octets."""

    kind: Literal["size"]
    limit: Annotated[Bytes, Field(ge=1)]


class Attachment(Acting):
    """`kind = "attachment"`: file names (globs) and types, such as application/pdf or image/*; with
    `look_inside` also the types by their first octets, the names in zip archives and
    winmail.dat, uuencoded files in texts, and what attached messages have attached."""

    kind: Literal["attachment"]
    names: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    look_inside: Switch = True


class Match(Acting):
    """`kind = "match"`: a regular expression. `part` is "header", "body" or the name of a field. If
    matching takes longer than `time_limit`, the filter has failed."""

    kind: Literal["match"]
    part: FieldName = "header"
    pattern: Expression
    time_limit: Positive = 1.0
