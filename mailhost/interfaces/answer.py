"""The type of an answer that may have to be waited for.

`Answer[T]` is a T or an awaitable of one. A provider returns the plain value where it can: a
coroutine for each call would cost more than most calls.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeAlias, TypeVar

T = TypeVar("T")
Answer: TypeAlias = T | Awaitable[T]
