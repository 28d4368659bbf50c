"""Changes the cases of one parser at random, guided by the lines they reach, until one fails.

`python -m tests.fuzz.explore PARSER [OPTION OF LIBFUZZER]...`; `tests.fuzz` runs it. Atheris
rewrites the code of mailhost as it is imported, so this module imports nothing of mailhost itself.
"""

from __future__ import annotations

import sys

import atheris
from twisted.logger import globalLogBeginner

from tests.fuzz.corpus import target_of


def main() -> None:
    """Explore the parser that the first argument names. libFuzzer ends the process."""
    program, parser, *options = sys.argv
    globalLogBeginner.beginLoggingTo([], discardBuffer=True, redirectStandardIO=False)
    with atheris.instrument_imports(include=["mailhost"]):
        target = target_of(parser)
    atheris.Setup([program, *options], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
