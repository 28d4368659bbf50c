"""The interface of the reactor for services that need more than its clock."""

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
    """All parts of the reactor that services use; most services need IReactorTime alone."""
