"""As many connections as fit into what a process may open; no more are let in."""

from __future__ import annotations

import os
import resource

from twisted.trial.unittest import SynchronousTestCase

from mailhost.application.descriptors import RESERVED_DESCRIPTORS, connections_that_fit

Limits = tuple[int, int]


class Fitting(SynchronousTestCase):
    def setUp(self) -> None:
        self.limits: Limits = (1024, 4096)
        self.refuses = False
        self.patch(resource, "getrlimit", lambda _: self.limits)
        self.patch(resource, "setrlimit", self.set_limits)
        self.patch(os, "geteuid", lambda: 1000)

    def set_limits(self, _: int, limits: Limits) -> None:
        """As the kernel does."""
        if self.refuses or (limits[1] > self.limits[1] and os.geteuid() != 0):
            raise ValueError("not allowed to raise maximum limit")
        self.limits = limits

    def test_enough_is_left_alone(self) -> None:
        self.assertEqual(300, connections_that_fit(300))
        self.assertEqual((1024, 4096), self.limits)

    def test_more_is_asked_for(self) -> None:
        self.assertEqual(1500, connections_that_fit(1500))
        self.assertEqual((3000 + RESERVED_DESCRIPTORS, 4096), self.limits)

    def test_what_is_not_allowed_is_not_promised(self) -> None:
        self.assertEqual(4096 - RESERVED_DESCRIPTORS, connections_that_fit(10_000))
        self.assertEqual((4096, 4096), self.limits)

    def test_root_gets_more(self) -> None:
        self.patch(os, "geteuid", lambda: 0)
        self.assertEqual(10_000, connections_that_fit(10_000))
        self.assertEqual((20_000 + RESERVED_DESCRIPTORS,) * 2, self.limits)

    def test_a_system_that_refuses(self) -> None:
        self.refuses = True
        self.assertEqual(1024 - RESERVED_DESCRIPTORS, connections_that_fit(10_000))

    def test_no_limit_at_all(self) -> None:
        self.limits = (resource.RLIM_INFINITY,) * 2
        self.assertEqual(10_000, connections_that_fit(10_000))
