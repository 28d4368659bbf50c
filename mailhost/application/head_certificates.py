"""Certificates that the head orders itself, once the operator agrees: at the start or at a reload.

Before that only the empty table of answers to challenges exists, and nothing else is imported.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from mailhost.application.foundation import Foundation
from mailhost.application.services import Services
from mailhost.certificates.answers import ChallengeAnswers
from mailhost.certificates.folder import is_ordered
from mailhost.config.load import Loaded
from mailhost.interfaces.reactor import IReactor

if TYPE_CHECKING:
    from mailhost.application.certificate_orders import CertificateOrders


class HeadCertificates:
    """See CertificateOrders for the arguments."""

    def __init__(
        self,
        reactor: IReactor,
        base: Foundation,
        loaded: Callable[[], Loaded],
        services: Callable[[], Services],
        used: Callable[[], Awaitable[None]],
    ) -> None:
        self._reactor = reactor
        self._base = base
        self._loaded = loaded
        self._services = services
        self._used = used
        self.answers = ChallengeAnswers()
        self._orders: CertificateOrders | None = None
        self._started = self._runs = False

    @property
    def orders(self) -> CertificateOrders:
        """The orders, made when they are needed for the first time."""
        if self._orders is None:
            from mailhost.application.certificate_orders import CertificateOrders

            self._orders = CertificateOrders(
                self._reactor, self._base, self._loaded, self._services, self._used, self.answers
            )
        return self._orders

    def start(self) -> None:
        """Begin, if the operator has agreed."""
        self._started = True
        self.reconfigure()

    def reconfigure(self) -> None:
        """Begin, if the settings that were read again say so. The keeper itself notices other
        settings, and when the agreement is withdrawn."""
        if self._started and not self._runs and self._agreed:
            self._runs = True
            self.orders.keeper.start()

    def watches(self, path: str) -> bool:
        """True for the file of a certificate whose end is watched here: one that was ordered."""
        return self._runs and self._agreed and is_ordered(self._base.data, path)

    @property
    def _agreed(self) -> bool:
        return self._loaded().settings.tls.acme.agree

    async def stop(self) -> None:
        """Begin nothing more, and end what is under way."""
        self._started = False
        if self._orders is not None:
            await self._orders.keeper.stop()
