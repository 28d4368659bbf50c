"""Loads filters of the operator: from a Python file, or from a Twisted plugin."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection, Mapping
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any

from twisted.plugin import getPlugins
from zope.interface import Invalid
from zope.interface.verify import verifyObject

from mailhost.interfaces.filters import IFilter, IFilterPlugin, ISessionFilter
from mailhost.interfaces.verdict import Stage


class BadCode(Exception):
    """The code makes no filter; the text of the exception is the reason."""


def from_file(path: str, options: Mapping[str, Any]) -> IFilter | ISessionFilter:
    """Run the Python file at `path`, and return the filter that its `make_filter(**options)` makes.

    Raises OSError, BadCode.
    """
    with open(path, "rb"):  # for an OSError that has the reason
        pass
    spec = spec_from_file_location("mailhost_own_filter", path)
    if spec is None or spec.loader is None:
        raise BadCode(f"{path} is no Python file; its name has to end in .py")
    module = module_from_spec(spec)
    _run(path, partial(spec.loader.exec_module, module))
    make = getattr(module, "make_filter", None)
    if make is None:
        raise BadCode(f"{path} lacks make_filter, which returns an IFilter")
    return _made(path, make, options)


def from_plugin(
    name: str, options: Mapping[str, Any], package: ModuleType | None = None
) -> IFilter | ISessionFilter:
    """Return the filter that the Twisted plugin with this name makes of `options`.

    `package` is the package that has the plugins, None for `twisted.plugins`. Raises BadCode.
    """
    found = {each.name: each for each in getPlugins(IFilterPlugin, package)}
    if name not in found:
        known = ", ".join(sorted(found)) or "there is none"
        raise BadCode(f"no Twisted plugin provides IFilterPlugin as {name!r}; known: {known}")
    return _made(f"plugin {name}", found[name].make_filter, options)


def _made(
    where: str, make: Callable[..., Any], options: Mapping[str, Any]
) -> IFilter | ISessionFilter:
    made = _run(where, lambda: make(**options))
    interface = ISessionFilter if ISessionFilter.providedBy(made) else IFilter
    try:
        verifyObject(interface, made)
    except Invalid as error:
        raise BadCode(f"{where}: {' '.join(str(error).split())}") from error
    if not _are_stages(made.stages):
        raise BadCode(f"{where}: stages must be a sequence of Stage, such as (Stage.MESSAGE,)")
    return interface(made)


def _are_stages(stages: object) -> bool:
    return isinstance(stages, Collection) and all(isinstance(each, Stage) for each in stages)


def _run(where: str, code: Callable[[], Any]) -> Any:
    try:
        return code()
    except BaseException as error:  # no code of a filter ends the host
        line = traceback.extract_tb(error.__traceback__)[-1].lineno
        raise BadCode(f"{where}, line {line}: {_named(error)}") from error


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ")
