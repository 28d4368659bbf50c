"""`python -m tests.fuzz [--seconds N] [PARSER]...`: explores each parser, all of them by default.

Inputs that reached new lines are kept in `.fuzz/PARSER/`, so that the next run goes on from there.
A case that fails is written to `corpus/PARSER/`; the exit status is 1 then.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from tests.fuzz.corpus import CORPUS, parsers

LEARNT = Path(".fuzz")
LONGEST = 4096  # octets of a case
PATIENCE = 10  # seconds for one case


def main() -> int:
    """Explore one parser after the other; return how many have a case that fails."""
    reader = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    reader.add_argument("parser", nargs="*", metavar="PARSER", help=f"of {', '.join(parsers())}")
    reader.add_argument("--seconds", type=int, default=60, help="for each parser (60)")
    options = reader.parse_args()
    unknown = set(options.parser) - set(parsers())
    if unknown:
        reader.error(f"there is no parser {', '.join(sorted(unknown))}")
    failed = [each for each in options.parser or parsers() if not explore(each, options.seconds)]
    for parser in failed:
        print(f"{parser}: a case fails, see {CORPUS / parser}", file=sys.stderr)
    return 1 if failed else 0


def explore(parser: str, seconds: int) -> bool:
    """Explore a parser. False where a case fails, which is in its corpus then."""
    learnt = LEARNT / parser
    learnt.mkdir(parents=True, exist_ok=True)
    print(f"--- {parser}, {seconds} s", flush=True)
    options = (
        f"-max_total_time={seconds}",
        f"-max_len={LONGEST}",
        f"-timeout={PATIENCE}",
        f"-artifact_prefix={CORPUS / parser}/",
        "-verbosity=0",
        "-print_final_stats=1",
    )
    command = [sys.executable, "-m", "tests.fuzz.explore", parser, *options]
    done = subprocess.run([*command, str(learnt), str(CORPUS / parser)], check=False)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
