"""The type of an answer that is ready at once or has to be awaited.

`Answer[T]` is a T or an awaitable of one. A provider returns the plain value if it can, since a
coroutine for each call takes longer than most calls.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeAlias, TypeVar

T = TypeVar("T")
Answer: TypeAlias = T | Awaitable[T]
