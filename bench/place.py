"""The folder that a measurement works in, and the kind of file system that it is on.

ext4 without a journal does not use the inodes of files that were removed in the last minutes, and
looks at each of them when it makes a file. So each run after a large removal is slower there.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BY_DEFAULT = "/var/tmp"
JOURNALED = ("ext3", "ext4")  # the kinds that may have no journal
WITHOUT_JOURNAL = "ext4 without a journal"


def add_folder_option(parser: argparse.ArgumentParser) -> None:
    """Let the command line choose the folder below which everything is made."""
    parser.add_argument("--folder", type=Path, default=Path(BY_DEFAULT))


def make_place(below: Path) -> Path:
    """Make a folder of its own for this measurement. Prints a warning where the file system makes
    later runs slower."""
    if file_system(below) == WITHOUT_JOURNAL:
        print(
            f"{below} is on {WITHOUT_JOURNAL}: runs after a large removal are slower. Name a "
            "folder on a file system with a journal by --folder.",
            file=sys.stderr,
        )
    place = Path(tempfile.mkdtemp(prefix="bench-", dir=below))
    place.chmod(0o755)  # Postfix works as its own user
    _apart(place)
    return place


def _apart(place: Path) -> None:
    """Have each host's files lie in block groups of their own, where the file system is ext4: the
    runs before this one removed files in the others."""
    subprocess.run(["chattr", "+T", str(place)], check=False, capture_output=True)


def file_system(folder: Path, root: Path = Path("/")) -> str:
    """Return such as "ext4 with a journal", or the name of another kind. `root` has proc and sys.

    Linux lists the journals of ext4 and ext3 in /proc/fs/jbd2, by device and inode.
    """
    kind = _kind(os.path.realpath(folder), (root / "proc/self/mountinfo").read_text())
    if kind not in JOURNALED:
        return kind
    number = os.stat(folder).st_dev
    device = root / f"sys/dev/block/{os.major(number)}:{os.minor(number)}"
    journals = (root / "proc/fs/jbd2").glob(f"{os.path.basename(os.path.realpath(device))}-*")
    return f"{kind} {'with' if any(journals) else 'without'} a journal"


def _kind(path: str, mounts: str) -> str:
    """Return the kind of the file system that is mounted last on the nearest folder above `path`.

    `mounts` is as proc_pid_mountinfo(5) describes it.
    """
    nearest, found = "", "unknown"
    for line in mounts.splitlines():
        fields, _, source = line.partition(" - ")
        point = _unescaped(fields.split()[4])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(nearest):
            nearest, found = point, source.split()[0]
    return found


def _unescaped(point: str) -> str:
    """Blanks and backslashes are written in octal digits."""
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), point)
