"""Explains the errors of pydantic for the operator: the key, the fault, and the text to write
instead."""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mailhost.config.filters.common import Filter
from mailhost.config.filters.kinds import AnyFilter
from mailhost.config.model import AccountSettings, DomainSettings, Settings
from mailhost.config.problems import Problem, key_of
from mailhost.config.section import Section
from mailhost.config.types import duration

Location: TypeAlias = tuple[str | int, ...]

_KEY = "[key]"  # how pydantic marks a fault of a table's key, not of its value
_EXAMPLES = {
    "version": "version = 1",
    "hostname": 'hostname = "mail.example.com"',
    "data": 'data = "/var/lib/mailhost"',
    "protocol": 'protocol = "smtp"',
    "endpoint": 'endpoint = "tcp:25"',
    "chain": 'chain = "certificates/chain.pem"',
    "key": 'key = "certificates/key.pem"',
    "via": 'via = "smtp.isp.example:587"',
    "accounts": 'accounts = ["ann@example.com"]',
    "zones": 'zones = ["zen.spamhaus.org"]',
    "limit": "limit = 100",
    "pattern": "pattern = 'win .* prize'",
    "prefix": 'prefix = "[EXTERN]"',
    "file": 'file = "list.txt"',
}
_EXAMPLES_OF = {  # where the key alone does not say what it is
    ("external_account", "id"): 'id = "kid-1"',
    ("external_account", "key"): 'key = { file = "secrets/acme" }',
    ("nsupdate", "server"): 'server = "127.0.0.1:53"',
    ("nsupdate", "key"): 'key = "secrets/acme.key"',
}
_UNITS = {"day": 86400, "hour": 3600, "minute": 60, "second": 1}
_OTHER_NAMES = {"smtps": "submissions", "ssmtp": "submissions", "pop": "pop3", "msa": "submission"}
_SHAPES = {
    "string_type": "write a text in quotes",
    "tuple_type": "write a list, in [ ]",
    "dict_type": "write a table",
    "model_type": "write a table",
    "model_attributes_type": "write a table",
}


def explain(error: ValidationError) -> list[Problem]:
    """Turn a failed validation into problems, in the order of the model. A default that depends on
    a wrong value is no problem of its own, nor is a list that is too short without a wrong entry.
    """
    found = [each for each in error.errors(include_url=False) if not _follows(each)]
    return [_problem(each) for each in found]


def _follows(details: ErrorDetails) -> bool:
    """True for an error that follows from another one."""
    kind, value = details["type"], details["input"]
    return kind == "default_factory_not_called" or (kind == "too_short" and bool(value))


def place(location: Location) -> Location:
    """Return the place in the file for a location of pydantic."""
    if location[:1] == ("filter",):  # the kind, by which pydantic distinguishes them
        location = location[:2] + location[3:]
    return tuple(part for part in location if part != _KEY)


def _problem(details: ErrorDetails) -> Problem:
    location = details["loc"]
    return Problem(key_of(place(location)), _text(details, location))


def _text(details: ErrorDetails, location: Location) -> str:
    kind, value = details["type"], details["input"]
    context = details.get("ctx", {})
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        known = ", ".join(sorted(kinds()))
        given = repr(context["tag"]) if "tag" in context else "none"
        return f"its kind is {given}; write kind = one of {known}"
    if kind == "extra_forbidden":
        return _split_name(location, value) or _unknown(location) + _other_domain(location, value)
    if kind == "missing":
        return f"is missing; write {_example(location)}"
    if location == ("version",):
        return f"this mailhost reads version 1, {_shown(value)}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "tuple_type" and isinstance(value, dict) and location[2:3] == ("alias",):
        return f"write {_quoted(location, value)}; a dot in a name stands in quotes"
    if kind == "tuple_type" and isinstance(value, dict):
        return f"there may be several; write [[{key_of(location)}]], in double brackets"
    if kind == "too_short":
        return "write a list with one entry at least"
    remedy = _remedy(kind, _in_units_of(value, context), details["msg"])
    return f"{remedy}, {_shown(value)}{_perhaps(value) if kind == 'enum' else ''}"


def _example(location: Location) -> str:
    name = str(location[-1])
    return _EXAMPLES_OF.get((str(location[-2:][0]), name)) or _EXAMPLES.get(name, "it")


def _perhaps(value: object) -> str:
    """Return a suggestion if `value` is another name of a protocol, else an empty text."""
    meant = _OTHER_NAMES.get(value.lower()) if isinstance(value, str) else None
    return f"; perhaps {meant!r} is meant" if meant else ""


def _in_units_of(value: object, context: dict[str, Any]) -> dict[str, Any]:
    """Return the bounds of a time as texts such as `1 day`, if the time is written so."""
    try:
        if not isinstance(value, str) or duration(value) < 0:
            return context
    except ValueError:
        return context
    bounds = {key: _span(bound) for key, bound in context.items() if key in ("ge", "le") and bound}
    return {**context, **bounds}


def _span(seconds: float) -> str:
    """Return a time in the largest unit in which it is a whole number."""
    fitting = (each for each in _UNITS.items() if seconds % each[1] == 0)
    unit, length = next(fitting, ("second", 1))
    return f"{seconds / length:g} {unit}{'' if seconds == length else 's'}"


def _remedy(kind: str, context: dict[str, Any], message: str) -> str:
    if kind == "enum":
        return f"write one of {context['expected']}"
    if kind == "greater_than_equal":
        return f"write {context['ge']} or more"
    if kind == "greater_than":
        return f"write more than {context['gt']:g}"
    if kind == "less_than_equal":
        return f"write {context['le']} or less"
    return _SHAPES.get(kind, message)


def _shown(value: object) -> str:
    """Return the present value for the message. Tables and lists are not shown, since they are long
    and may have secrets."""
    if isinstance(value, dict | list):
        return "not a table" if isinstance(value, dict) else "not a list"
    return f"not {value!r}"


def _unknown(location: Location) -> str:
    key = str(location[-1])
    section = section_at(location[:-1])
    known = keys_of(section) if section else []
    near = get_close_matches(key, known, 1)
    if near:
        return f"is unknown; did you mean {near[0]}?"
    if location[0] == "filter" and len(location) == 4:
        others = [name for name, each in kinds().items() if key in keys_of(each)]
        if others:
            return f'is of no use for kind = "{location[2]}"; kinds with it: {", ".join(others)}'
    elsewhere = [place for place in all_keys(Settings) if place[-1] == key]
    if elsewhere:
        return f"is unknown here; it belongs {_above(elsewhere[0])}"
    return f"is unknown; known here: {', '.join(known)}"


def _split_name(location: Location, value: object) -> str:
    """Return the remedy for `[domain.example.com]`, which without quotes means three nested tables;
    else an empty text."""
    of_account = location[2:3] == ("account",)
    if location[0] != "domain" or not (len(location) == 3 or of_account):
        return ""
    known = keys_of(AccountSettings if of_account else DomainSettings)
    if not isinstance(value, dict) or get_close_matches(str(location[-1]), known, 1):
        return ""
    return f"write {_quoted(location[:-1], {location[-1]: value})}; its dots stand in quotes"


def _other_domain(location: Location, value: object) -> str:
    """Return the remedy for `[domains.example]` or `[Domain.example]`, else an empty text."""
    if location not in (("domains",), ("Domain",)) or not isinstance(value, dict) or not value:
        return ""
    name, inner = next(iter(value.items()))
    return f" write {_quoted(('domain', name), inner)}"


def _quoted(location: Location, inner: object) -> str:
    """Return the key that was probably meant, made of the one at `location` and the names in it."""
    *above, name = location
    while isinstance(inner, dict) and len(inner) == 1:
        ((part, inner),) = inner.items()
        if part in (*keys_of(DomainSettings), *keys_of(AccountSettings)):
            break
        name = f"{name}.{part}"
    key = key_of((*above, str(name)))
    return f"[{key}]" if len(location) == 2 else key


def _above(path: Sequence[str]) -> str:
    return f"in [{'.'.join(path[:-1])}]" if path[1:] else "at the top, before any [table]"


def keys_of(section: type[Section]) -> list[str]:
    """Return the keys of a table, as they are written in the file."""
    return [field.alias or name for name, field in section.model_fields.items()]


def section_at(location: Location) -> type[Section] | None:
    """Return the model of the table at this place, None if there is none."""
    found: Any = Settings
    for part in location:
        if found is AnyFilter:
            found = kinds().get(str(part))
        elif isinstance(found, type) and issubclass(found, Section):
            found = _bare(_field(found, part))
        elif get_origin(found) in (tuple, dict):
            found = _bare(get_args(found)[get_origin(found) is dict])
        else:
            return None
    return found if isinstance(found, type) and issubclass(found, Section) else None


def _field(section: type[Section], key: str | int) -> Any:
    for name, field in section.model_fields.items():
        if key in (field.alias, name):
            return field.annotation
    return None


def _bare(annotation: Any) -> Any:
    """Return an annotation without Annotated and None."""
    if annotation == AnyFilter:
        return AnyFilter
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return _bare(get_args(annotation)[0])
    return annotation


def kinds() -> dict[str, type[Filter]]:
    """Return the settings class of every kind of filter, by `kind`."""
    union, _ = get_args(AnyFilter)
    return {get_args(each.model_fields["kind"].annotation)[0]: each for each in get_args(union)}


def all_keys(section: type[Section], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield every key of the settings as a path, with NAME in place of names that users choose."""
    for name, field in section.model_fields.items():
        path = (*above, field.alias or name)
        inner = _bare(field.annotation)
        while get_origin(inner) in (tuple, dict):
            named = get_origin(inner) is dict
            path = (*path, "NAME") if named else path
            inner = _bare(get_args(inner)[named])
        if inner is AnyFilter:
            for kind in kinds().values():
                yield from all_keys(kind, path)
        elif isinstance(inner, type) and issubclass(inner, Section):
            yield from all_keys(inner, path)
        else:
            yield path
