"""Millions of steps on a disk that forgets: `python -m tests.soak.power_cuts`.

A world (`tests/durable/log/world`) lives for some steps, and its power is cut during them and at
their end. In every second one calls fail, those of recoveries too. The worlds of a run have seeds
that follow each other: `--seed N --steps 1` runs one world again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from unittest.mock import patch

from mailhost.durable.log import logged, recovery
from mailhost.durable.log.recovery import recover
from mailhost.durable.log.segments import BadLog
from tests.durable.log.test_power_cuts import step
from tests.durable.log.world import DATA, LARGEST, SEGMENT, World

LENGTHS = (5, 20, 40, 40, 40, 120)  # steps of a world
STEPS = 2_000_000


@dataclass(slots=True)
class PowerCuts:
    """What was run. `faults` name the seed of each world in which a promise was broken."""

    worlds: int = 0
    steps: int = 0
    cuts: int = 0
    messages: int = 0
    logs_off: int = 0  # times that the log was not used after a fault
    faults: list[str] = field(default_factory=list)


class _Failing(World):
    """A world in which calls of a recovery fail too, so that the host is started again."""

    def cut_power(self) -> None:
        while self.random.random() < 0.3:
            self.disk.cut_power()
            for _ in range(self.random.randint(1, 3)):
                self.fail_soon()
                with suppress(BadLog, OSError):
                    recover(self.disk, DATA, self.lines.append, SEGMENT)
                self.disk.kill()
        super().cut_power()


def power_cuts(
    steps: int, seed: int, told: Callable[[PowerCuts], None] = lambda done: None
) -> PowerCuts:
    """Run worlds until they had so many steps."""
    done = PowerCuts()
    with patch.multiple(logged, LARGEST_LOGGED=LARGEST), patch.multiple(recovery, LOCK_TIMEOUT=0.0):
        while done.steps < steps:
            try:
                _world(seed + done.worlds, done)
            except Exception as fault:  # noqa: BLE001 - a bug is a fault too, and others follow
                done.faults.append(f"seed {seed + done.worlds}: {type(fault).__name__}: {fault}")
            done.worlds += 1
            told(done)
    return done


def _world(seed: int, done: PowerCuts) -> None:
    """Run one world. Calls fail in every second one. Raises AssertionError for a broken promise."""
    random = Random(seed)
    calls_fail = bool(seed % 2)
    world = _Failing(random) if calls_fail else World(random)
    try:
        for _ in range(random.choice(LENGTHS)):
            done.steps += 1
            if calls_fail and random.random() < 0.15:
                world.fail_soon()
            step(world, random)
            if calls_fail and random.random() < 0.3:
                world.heal()
        world.heal()
        world.cut_power()
    finally:
        done.cuts += world.disk.run - 1
        done.messages += len(world.messages)
        done.logs_off += sum("not used for now" in line for line in world.lines)


def main() -> None:
    """Run it alone, and print a line for each 100,000 steps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    wanted = parser.parse_args()
    print(f"seed {wanted.seed}")  # noqa: T201
    said = known = 0

    def told(done: PowerCuts) -> None:
        nonlocal said, known
        for fault in done.faults[known:]:
            print("BROKEN", fault, flush=True)  # noqa: T201
        known = len(done.faults)
        if done.steps // 100_000 > said:
            said = done.steps // 100_000
            print(f"{done.steps:,} steps, {done.cuts:,} power cuts", flush=True)  # noqa: T201

    done = power_cuts(wanted.steps, wanted.seed, told)
    print(  # noqa: T201
        f"{done.steps:,} steps in {done.worlds:,} worlds, {done.messages:,} messages,"
        f" {done.cuts:,} power cuts, {done.logs_off:,} times without the log,"
        f" {len(done.faults)} promises broken"
    )
    sys.exit(1 if done.faults else 0)


if __name__ == "__main__":
    main()
