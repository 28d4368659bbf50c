"""The interfaces between the packages, one module for each subject, with the values that they take.

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
