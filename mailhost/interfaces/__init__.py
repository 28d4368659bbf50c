"""The interfaces between the parts of the host, by subject: what each promises, and what it raises.

Own filters import their interfaces from here; all other code imports from the modules.
"""

from mailhost.interfaces.filters import (
    FilterFailed,
    IFilter,
    IFilterPlugin,
    ISessionFilter,
    IVisit,
    IWitness,
)

__all__ = ["FilterFailed", "IFilter", "IFilterPlugin", "ISessionFilter", "IVisit", "IWitness"]
