"""The names of the parsers, their targets, and the cases of each."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from tests.fuzz import targets

CORPUS = Path(__file__).parent / "corpus"

Target = Callable[[bytes], None]


def parsers() -> list[str]:
    """Return the names of all parsers that have a target, in order."""
    return sorted(module.name for module in pkgutil.iter_modules(targets.__path__))


def target_of(parser: str) -> Target:
    """Return the target of a parser. Raises ModuleNotFoundError for a name that is none."""
    target: Target = import_module(f"{targets.__name__}.{parser}").target
    return target


def cases(parser: str) -> list[Path]:
    """Return the files of a parser's corpus, in order."""
    return sorted(path for path in (CORPUS / parser).iterdir() if path.is_file())
