"""The settings of filters that change mail."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from mailhost.config.filters.common import Filter
from mailhost.config.types import FieldName, FieldValue, Path, Switch


class Header(Filter):
    """`kind = "header"`: fields removed by name, replaced, added; in this order."""

    kind: Literal["header"]
    remove: tuple[FieldName, ...] = ()
    replace: dict[FieldName, FieldValue] = {}
    add: dict[FieldName, FieldValue] = {}


class Subject(Filter):
    """`kind = "subject"`: a text in front of the subject, if the subject does not begin with it
    already."""

    kind: Literal["subject"]
    prefix: Annotated[FieldValue, Field(min_length=1)]


class DisclaimerPlace(StrEnum):
    """Where in a text a disclaimer goes."""

    TOP = "top"
    BOTTOM = "bottom"


class Disclaimer(Filter):
    """`kind = "disclaimer"`: a text that is added to each text part. `html` is for text/html; if it
    is empty, `text` is used, escaped. `text_file` and `html_file` are read at the start and at a
    reload."""

    kind: Literal["disclaimer"]
    text: str = ""
    text_file: Path | None = None
    html: str = ""
    html_file: Path | None = None
    place: DisclaimerPlace = DisclaimerPlace.BOTTOM


class Strip(Filter):
    """`kind = "strip"`: attachments by name (globs) or type are removed, or renamed so that no
    program opens them by itself."""

    kind: Literal["strip"]
    names: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    look_inside: Switch = True
    rename: Switch = False
    notice: str = "The attachment {name} was removed here, as its kind is not allowed."


class Rewrite(Filter):
    """`kind = "rewrite"`: senders and recipients of the envelope are replaced. A key is an address
    or "*@domain"; "*" before the @ of the new one keeps the local part."""

    kind: Literal["rewrite"]
    senders: dict[str, str] = {}
    recipients: dict[str, str] = {}
