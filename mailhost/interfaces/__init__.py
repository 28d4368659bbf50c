"""The interfaces between the packages, one module for each subject, with the values that they take.

Own filters import their interfaces from here; all other code imports from the modules. The
interfaces of filters are imported when they are first used: importing them takes five times as long
as the writer process (`durable/writer`) takes to start, and it needs none of them.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mailhost.interfaces.filters import (
        FilterFailed,
        IFilter,
        IFilterPlugin,
        ISessionFilter,
        IVisit,
        IWitness,
    )

__all__ = ["FilterFailed", "IFilter", "IFilterPlugin", "ISessionFilter", "IVisit", "IWitness"]


def __getattr__(name: str) -> Any:
    """Return an interface of filters (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mailhost.interfaces import filters

    return getattr(filters, name)
