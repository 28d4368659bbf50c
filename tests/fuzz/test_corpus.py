"""Each case of each corpus, once."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from traceback import format_exc

from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz.corpus import CORPUS, cases, parsers, target_of
from tests.fuzz.steps import TooManySteps, count_steps

# Lines of code that a target may run: it reads its data in several cuts, and checks what it read.
LEAST_STEPS = 20_000
STEPS_PER_OCTET = 500
LARGEST_CASE = 20_000  # octets


def faults_of(parser: str) -> Iterator[str]:
    """Run all cases of a parser; yield the name and the traceback of each that fails."""
    target = target_of(parser)
    for path in cases(parser):
        data = path.read_bytes()
        try:
            if sys.gettrace() is None:
                count_steps(partial(target, data), LEAST_STEPS + STEPS_PER_OCTET * len(data))
            else:  # `make coverage` is to see the lines, and two cannot look at once
                target(data)
        except Exception:  # noqa: BLE001 - any of them is a fault
            yield f"{parser}/{path.name}\n{format_exc()}"


class CorpusTests(SynchronousTestCase):
    def test_each_case(self) -> None:
        failed = [fault for parser in parsers() for fault in faults_of(parser)]
        if failed:
            self.fail("\n".join(failed))

    def test_each_parser_has_cases_and_each_folder_a_parser(self) -> None:
        self.assertEqual(parsers(), sorted(folder.name for folder in CORPUS.iterdir()))
        for parser in parsers():
            self.assertGreaterEqual(len(cases(parser)), 3, parser)
            self.assertLess(max(path.stat().st_size for path in cases(parser)), LARGEST_CASE)


class StepsTests(SynchronousTestCase):
    def test_a_loop_without_end_is_stopped(self) -> None:
        from mailhost.message.mime.filenames import readings

        def forever() -> None:
            while True:
                list(readings("a"))

        self.assertRaises(TooManySteps, count_steps, forever, 1000)

    def test_only_mailhost_counts(self) -> None:
        self.assertEqual(0, count_steps(lambda: sum(range(100)), 10))
