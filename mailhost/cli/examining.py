"""Commands that examine something: the exit codes 1 and 2 are results, and 3 means that there is no
result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Any, NamedTuple

import click
from click.exceptions import Exit

from mailhost.cli.context import Fail
from mailhost.cli.fault_text import fault_text
from mailhost.cli.table import print_json

NO_RESULT = 3  # the exit code


class NotExamined(Fail):
    """The checks could not be run at all. With `as_json` the reason is printed as JSON."""

    exit_code = NO_RESULT

    def __init__(self, message: str, as_json: bool = False) -> None:
        super().__init__(message)
        self._as_json = as_json

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the reason."""
        if self._as_json:
            print_json({"exit_code": self.exit_code, "error": self.message, "findings": []})
        else:
            super().show(file)


class _WrongUsage(click.UsageError):
    """Shows the usage too."""

    exit_code = NO_RESULT


class Wanted(NamedTuple):
    """Whether the arguments ask for an examination, and for JSON."""

    examines: bool
    as_json: bool


class ExaminingCommand(click.Command):
    """A command that exits with NO_RESULT for wrong usage, and for each exception. With --json the
    reason is printed as JSON."""

    def wanted(self, args: Sequence[str]) -> Wanted:
        """Read the arguments, which need not be right."""
        return Wanted(True, "--json" in args)

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> click.Context:
        """Parse the arguments."""
        wanted = self.wanted(args)
        try:
            context = super().make_context(info_name, args, parent, **extra)
        except click.ClickException as error:
            if not wanted.examines:
                raise
            raise _without_result(error, wanted.as_json) from None
        context.meta[__name__] = wanted
        return context

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        examines, as_json = ctx.meta[__name__]
        if not examines:
            return super().invoke(ctx)
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            raise _without_result(error, as_json) from None
        except (click.Abort, KeyboardInterrupt) as error:
            raise NotExamined("aborted", as_json) from error
        except (Exit, BrokenPipeError):  # the end of the command, or of its reader
            raise
        except Exception as error:
            raise NotExamined(fault_text(error), as_json) from error


def _without_result(error: click.ClickException, as_json: bool) -> click.ClickException:
    if isinstance(error, click.UsageError) and not as_json:
        return _WrongUsage(error.format_message(), error.ctx)
    return NotExamined(error.format_message(), as_json)
