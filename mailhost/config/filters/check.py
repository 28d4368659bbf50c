"""Checks of filters that concern several values or the machine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from mailhost.config.files import unreadable
from mailhost.config.filters.block import Attachment, List
from mailhost.config.filters.common import Acting, Action, Filter, LookAt
from mailhost.config.filters.edit import Disclaimer, Header, Rewrite, Strip
from mailhost.config.filters.monitor import Journal
from mailhost.config.filters.outside import Python
from mailhost.config.filters.tags import check_tags
from mailhost.config.lists import BadEntry, Names, Networks, entries_of
from mailhost.config.problems import Problem, key_of
from mailhost.message.address import BadAddress, parse_address
from mailhost.message.mime.kinds import Kind

# for each kind the settings of which it needs one, and whether it may have several
NEEDED: dict[type[Filter], tuple[tuple[str, ...], bool]] = {
    List: (("entries", "file"), True),
    Attachment: (("names", "types"), True),
    Strip: (("names", "types"), True),
    Header: (("remove", "replace", "add"), True),
    Rewrite: (("senders", "recipients"), True),
    Disclaimer: (("text", "text_file"), False),
    Journal: (("to", "maildir"), False),
    Python: (("file", "plugin"), False),
}


def check_filters(filters: Sequence[Filter]) -> Iterator[Problem]:
    """Yield the faults of each filter, and those that concern several filters."""
    for number, each in enumerate(filters):
        place = ("filter", number)
        yield from _needed(place, each)
        yield from _wires(place, each)
        yield from _files(place, each)
        if isinstance(each, Acting):
            yield from _action(place, each)
        if isinstance(each, List):
            yield from _entries(place, each)
        if isinstance(each, Attachment | Strip):
            yield from _types(place, each)
        if isinstance(each, Rewrite):
            yield from _addresses(place, each)
    yield from _names(filters)
    yield from check_tags(filters)


_Place = tuple[str, int]


def _needed(place: _Place, each: Filter) -> Iterator[Problem]:
    names, several = NEEDED.get(type(each), ((), True))
    given = [name for name in names if getattr(each, name)]
    if names and not given:
        text = f"is missing; write it, or {' or '.join(names[1:])}"
        yield Problem(key_of((*place, names[0])), text)
    if len(given) > 1 and not several:
        yield Problem(key_of((*place, given[1])), f"is one too many; {given[0]} is there already")


def _wires(place: _Place, each: Filter) -> Iterator[Problem]:
    for number, wire in enumerate(each.listeners):
        if not wire.takes_mail:
            text = f"{wire.value!r} takes no mail; leave it out"
            yield Problem(key_of((*place, "listeners", number)), text)


def _files(place: _Place, each: Filter) -> Iterator[Problem]:
    for name in ("file", "text_file", "html_file"):
        path = getattr(each, name, None)
        if path is None or each.kind == "events":
            continue
        try:
            with open(path, encoding="utf-8") as file:
                file.read()
        except OSError as error:
            yield Problem(key_of((*place, name)), unreadable(path, error))
        except UnicodeDecodeError:
            yield Problem(key_of((*place, name)), f"{path} is not UTF-8; save it as UTF-8")


def _action(place: _Place, each: Acting) -> Iterator[Problem]:
    if each.action is Action.TAG and not each.tag:
        yield Problem(key_of((*place, "tag")), 'is missing; write the tag, such as tag = "known"')
    if each.tag and each.action is not Action.TAG:
        text = 'is of no use here; write action = "tag", or leave it out'
        yield Problem(key_of((*place, "tag")), text)


def _entries(place: _Place, each: List) -> Iterator[Problem]:
    make = Networks if each.look_at is LookAt.CLIENT else Names
    for number, entry in enumerate(each.entries):
        try:
            make([entry])
        except BadEntry as bad:
            yield Problem(key_of((*place, "entries", number)), str(bad))
    if each.file is not None and os.path.isfile(each.file):
        try:
            with open(each.file, encoding="utf-8", errors="replace") as file:
                make(entries_of(file.read()))
        except (OSError, BadEntry) as bad:
            yield Problem(key_of((*place, "file")), f"{each.file}: {bad}")


def _types(place: _Place, each: Attachment | Strip) -> Iterator[Problem]:
    kinds = frozenset(Kind)
    for number, name in enumerate(each.types):
        key = key_of((*place, "types", number))
        if "/" not in name and name not in kinds:
            text = f"{name!r} is no media type such as image/*, and no kind of file; known: "
            yield Problem(key, text + ", ".join(sorted(kinds)))
        elif "/" not in name and not each.look_inside:
            yield Problem(key, f"{name!r} is found from the content; write look_inside = true")


def _addresses(place: _Place, each: Rewrite) -> Iterator[Problem]:
    for table, rules in (("senders", each.senders), ("recipients", each.recipients)):
        for old, new in rules.items():
            try:
                parse_address(old)
                parse_address(new)
            except BadAddress as bad:
                yield Problem(key_of((*place, table, old)), str(bad))


def _names(filters: Sequence[Filter]) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for number, each in enumerate(filters):
        first = seen.setdefault(each.name, number) if each.name else number
        if first != number:
            text = f"{each.name!r} is the name of filter[{first + 1}] too; write another"
            yield Problem(key_of(("filter", number, "name")), text)
