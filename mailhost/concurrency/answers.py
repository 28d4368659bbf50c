"""Continues with an answer that may have come already, without a coroutine if it has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from mailhost.interfaces.answer import Answer

R = TypeVar("R")


def then(answer: Answer[Any], use: Callable[[Any], Answer[R]]) -> Answer[R]:
    """Return what `use` makes of the answer, now or when it comes.

    The two are not tied by a type: mypy cannot take `T | Awaitable[T]` apart.
    """
    if hasattr(answer, "__await__"):
        return _later(answer, use)
    return use(answer)


async def result_of(answer: Answer[R]) -> R:
    """Return the answer when it is there, for coroutines."""
    return cast("R", await answer if isinstance(answer, Awaitable) else answer)


async def _later(answer: Awaitable[Any], use: Callable[[Any], Answer[R]]) -> R:
    result: Any = use(await answer)
    if hasattr(result, "__await__"):
        return cast("R", await result)
    return cast("R", result)
