"""A system that counts its changes, for tests that end a process before each of them."""

from __future__ import annotations

from collections.abc import Sequence

from tests.durable.one_by_one import OneByOne


class CountedCalls(OneByOne):
    """`called` is called before each change, and may raise."""

    def called(self) -> None:
        """Do nothing; subclasses count."""

    def create(self, path: str) -> int:
        self.called()
        return super().create(path)

    def open_to_append(self, path: str) -> int:
        self.called()
        return super().open_to_append(path)

    def write(self, fd: int, chunks: Sequence[bytes]) -> None:
        self.called()
        super().write(fd, chunks)

    def rename(self, old: str, new: str) -> None:
        self.called()
        super().rename(old, new)

    def rename_in(self, folder: int, old: str, new: str) -> None:
        self.called()
        super().rename_in(folder, old, new)

    def link(self, old: str, new: str) -> None:
        self.called()
        super().link(old, new)

    def remove(self, path: str) -> None:
        self.called()
        super().remove(path)
