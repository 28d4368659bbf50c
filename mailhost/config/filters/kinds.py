"""Every kind of `[[filter]]`, distinguished by its `kind`."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from mailhost.config.filters.authenticity import Authenticity
from mailhost.config.filters.block import Attachment, DNSList, Greylist, List, Match, Rate, Size
from mailhost.config.filters.common import Mode
from mailhost.config.filters.edit import Disclaimer, Header, Rewrite, Strip, Subject
from mailhost.config.filters.monitor import Events, Journal
from mailhost.config.filters.outside import Milter, Python

__all__ = ["AnyFilter", "Mode"]

AnyFilter: TypeAlias = Annotated[
    Authenticity
    | DNSList
    | List
    | Greylist
    | Rate
    | Attachment
    | Size
    | Match
    | Journal
    | Events
    | Header
    | Subject
    | Disclaimer
    | Strip
    | Rewrite
    | Milter
    | Python,
    Field(discriminator="kind"),
]
