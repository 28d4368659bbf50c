"""The reactor, as the services see it that need more than its clock."""

from __future__ import annotations

from twisted.internet.interfaces import (
    IReactorCore,
    IReactorFDSet,
    IReactorFromThreads,
    IReactorProcess,
    IReactorSocket,
    IReactorTCP,
    IReactorThreads,
    IReactorTime,
    IReactorUDP,
    IReactorUNIX,
)


class IReactor(
    IReactorCore,
    IReactorTime,
    IReactorTCP,
    IReactorUDP,
    IReactorUNIX,
    IReactorFDSet,
    IReactorSocket,
    IReactorProcess,
    IReactorThreads,
    IReactorFromThreads,
):
    """The reactor as the services that need all of it see it; most take IReactorTime alone."""
