"""The changes of a reload, key by key, for the log.

Only sources of secrets are shown, never secrets. If the text of a secret changed and its source did
not, the log reports that the secret changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mailhost.config.load import Loaded
from mailhost.config.model import Settings
from mailhost.config.problems import key_of
from mailhost.config.secrets import secret_sources
from mailhost.config.section import Section

AT_NEXT_START = ("data", "user", "demo")
_ABSENT = "nothing"
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class SettingChange:
    """One key, with its old and new value as text. `later`: the change takes effect at the next
    start."""

    key: str
    old: str
    new: str

    @property
    def later(self) -> bool:
        """True if the running host keeps the old value until it is started again."""
        return self.key.split(".")[0] in AT_NEXT_START

    def __str__(self) -> str:
        after = "; takes effect at the next start" if self.later else ""
        return f"{self.key}: {_short(self.old)} is now {_short(self.new)}{after}"


def changes(old: Settings, new: Settings) -> list[SettingChange]:
    """Return the differences, in the order of the model."""
    return list(_compare((), old, new))


def for_running(new: Loaded, running: Loaded) -> Loaded:
    """Return `new` for a running host: settings that only a start can change keep the values of
    `running`."""
    former = {name: getattr(running.settings, name) for name in AT_NEXT_START}
    return replace(new, settings=new.settings.model_copy(update=former))


def changed_secrets(old: Loaded, new: Loaded) -> list[SettingChange]:
    """Return the keys whose secret has another text now, though its source is the same."""
    before = dict(secret_sources(old.settings))
    return [
        SettingChange(key, str(source), f"{source}, with new contents")
        for key, source in secret_sources(new.settings)
        if before.get(key) == source and old.secrets.of(source) != new.secrets.of(source)
    ]


def _compare(place: tuple[str | int, ...], old: Any, new: Any) -> Iterator[SettingChange]:
    if old == new:
        return
    if isinstance(old, Section) and type(old) is type(new):
        for name, field in type(old).model_fields.items():
            here = (*place, field.alias or name)
            yield from _compare(here, getattr(old, name), getattr(new, name))
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in {**old, **new}:
            yield from _compare((*place, name), old.get(name), new.get(name))
    elif _tables(old) and _tables(new):
        for number in range(max(len(old), len(new))):
            yield from _compare((*place, number), _item(old, number), _item(new, number))
    else:
        yield SettingChange(key_of(place), _written(old), _written(new))


def _tables(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(item, Section) for item in value)


def _item(values: tuple[Any, ...], number: int) -> Any:
    return values[number] if number < len(values) else None


def _written(value: Any) -> str:
    if value is None:
        return _ABSENT
    if isinstance(value, Section):
        given = ((name, getattr(value, name)) for name in sorted(value.model_fields_set))
        return "{" + ", ".join(f"{name} = {_written(item)}" for name, item in given) + "}"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_written, value)) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name} = {_written(item)}" for name, item in value.items()) + "}"
    return str(value) or '""'


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
