"""Expressions mean the same to every Python that mailhost runs on."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from re import _constants, _parser  # type: ignore[attr-defined]  # typeshed does not know them
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

import mailhost

_CHANGED = (_constants.POSSESSIVE_REPEAT, _constants.ATOMIC_GROUP)


def patterns(value: Any) -> Iterator[re.Pattern[Any]]:
    """Yield the expressions in a value of a module."""
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, tuple | list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from patterns(each)


class PatternTests(SynchronousTestCase):
    def test_none_is_possessive(self) -> None:
        """Before Python 3.11.5 a possessive group matched what it must not: `(?:a|'b+')*+`."""
        seen = 0
        for module in pkgutil.walk_packages(mailhost.__path__, "mailhost."):
            for name, value in vars(import_module(module.name)).items():
                for pattern in patterns(value):
                    parsed = repr(_parser.parse(pattern.pattern, pattern.flags))
                    found = [each for each in _CHANGED if str(each) in parsed]
                    self.assertEqual(found, [], f"{module.name}.{name}")
                    seen += 1
        self.assertGreater(seen, 50)
