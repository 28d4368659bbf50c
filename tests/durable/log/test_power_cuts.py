"""After a power cut at any moment each answered message is there once and whole, and what was
removed stays removed; the same with a recovery that is cut, a writer that dies, and calls that
fail."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.log import logged
from tests.durable.fake_disk import Crash
from tests.durable.log.world import LARGEST, World

STEPS = 40


class PowerCutTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(logged, "LARGEST_LOGGED", LARGEST)

    @given(st.integers(0, 1 << 48))
    def test_nothing_answered_is_lost(self, seed: int) -> None:
        random = Random(seed)
        world = World(random)
        for _ in range(STEPS):
            step(world, random)
        world.cut_power()

    @given(st.integers(0, 1 << 48))
    def test_nor_where_calls_fail(self, seed: int) -> None:
        random = Random(seed)
        world = World(random)
        for _ in range(STEPS):
            if random.random() < 0.15:
                world.fail_soon()
            step(world, random)
            if random.random() < 0.3:
                world.heal()
        world.heal()
        world.cut_power()


def step(world: World, random: Random) -> None:
    """Have something happen, and maybe the power fail meanwhile."""
    if random.random() < 0.1:
        world.disk.crash_at = len(world.disk.calls) + random.randint(0, 25)
    action = random.choice(
        (
            *[lambda: world.ask(world.writer.run)] * 3,
            lambda: world.ask(world.others.commit),
            *[world.read] * 2,
            world.move,
            world.expunge,
            world.copy,
            world.rename_folder,
            *[world.pass_time] * 3,
            world.kill_writer,
            world.kill_host,
        )
    )
    try:
        action()
    except Crash:
        world.cut_power()
    except OSError:
        pass  # the log could not be settled
    if random.random() < 0.03:
        world.cut_power()
