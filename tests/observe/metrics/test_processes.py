"""What a process uses, read from /proc."""

from __future__ import annotations

import os
import resource
import sys
import time

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from mailhost.observe.metrics.processes import use_of


class ProcessTests(SynchronousTestCase):
    def test_this_process(self) -> None:
        if sys.platform != "linux":
            raise SkipTest("this system has no /proc")
        use = use_of(os.getpid())
        assert use is not None
        self.assertApproximates(time.process_time(), use.cpu, 1.0)
        self.assertGreater(use.memory, 10_000_000)
        self.assertApproximates(len(os.listdir("/proc/self/fd")), use.descriptors, 2)
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self.assertEqual(most, use.most_descriptors)
        self.assertLess(time.time() - use.started, 86_400)
        self.assertGreaterEqual(time.time() + 1, use.started)

    def test_a_process_that_has_ended(self) -> None:
        self.assertIsNone(use_of(2**22 + 1))
