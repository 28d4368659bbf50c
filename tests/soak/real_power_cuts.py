"""Power cuts of a real file system under a host with load: `python -m tests.soak.real_power_cuts`.

The data folder is on an ext4 file system in a file. EXT4_IOC_SHUTDOWN ends that file system
without writing its journal or its data, as a power cut does. Then it is mounted from another loop
device, so that its files are those of another run of the machine. This needs root, mkfs.ext4,
losetup and mount, so it is no part of `make soak`.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.soak.rounds import Account, Rounds

_SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN, _IOR('X', 125, __u32)
_NO_LOG_FLUSH = struct.pack("=I", 2)
SIZE = 2 << 30  # octets


class Disk:
    """An ext4 file system in the file `image`, mounted at `place`."""

    def __init__(self, image: Path, place: Path) -> None:
        self._image = image
        self._place = place
        self._device = ""
        place.mkdir(parents=True)
        with image.open("wb") as file:
            file.truncate(SIZE)
        _run("mkfs.ext4", "-q", str(image))

    def mount(self) -> None:
        """Mount it by a loop device that it did not have before."""
        before, self._device = self._device, self._attached()
        if self._device == before:
            self._device = self._attached()
            _run("losetup", "-d", before)
        _run("mount", self._device, str(self._place))

    def _attached(self) -> str:
        return _run("losetup", "--find", "--show", str(self._image)).strip()

    def cut_power(self) -> None:
        """End the file system, with nothing more written to its device."""
        fd = os.open(self._place, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, _SHUTDOWN, _NO_LOG_FLUSH)
        finally:
            os.close(fd)

    def unmount(self) -> None:
        """Unmount it, once no process uses it."""
        for _ in range(200):
            if subprocess.run(["umount", self._place], capture_output=True, check=False).returncode:
                time.sleep(0.05)
            else:
                break
        _run("losetup", "-d", self._device)


class PowerCuts(Rounds):
    """Rounds of load, each of which ends with a power cut."""

    def __init__(self, folder: Path, seed: int, workers: int) -> None:
        super().__init__(folder, seed, workers)
        self.disk = Disk(folder / "disk", folder / "data")
        self.disk.mount()
        self._host.set_up()
        self.restored: list[str] = []

    def _kill_one(self) -> None:
        self.disk.cut_power()
        self._host.kill()
        self._heads_died.append(time.monotonic())
        self._kills["power"] += 1
        self.disk.unmount()
        self.disk.mount()
        since = self._host.mark()
        self._host.start()
        self.restored += [line for line in self._host.lines[since:] if "restored" in line]


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def main() -> None:
    """Run it, and print the account."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    wanted = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="cuts-", dir="/var/tmp"))
    cuts = PowerCuts(folder / "host", wanted.seed, 2)
    try:
        account: Account = cuts.run(wanted.rounds, lambda number: print(number + 1, flush=True))  # noqa: T201
    finally:
        cuts.disk.unmount()
        shutil.rmtree(folder)
    print(*cuts.restored, account, sep="\n")  # noqa: T201
    sys.exit(0 if account.good else 1)


if __name__ == "__main__":
    main()
