"""The tables of the kernel with the sockets of this machine."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from mailhost.doctor.host.sockets import (
    ListeningSocket,
    Process,
    listening_sockets,
    processes_at,
)

HEADER = (
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  t inode"
)
LINE = "   0: {} 00000000:0000 {} 00000000:00000000 00:00000000 00000000  0 0 {} 1 0 100 0"


class SocketsTests(SynchronousTestCase):
    def test_the_table(self) -> None:
        proc = Path(self.mktemp())
        (proc / "net").mkdir(parents=True)
        lines = [HEADER, LINE.format("0100007F:0019", "0A", 77), LINE.format("0:1", "01", 78)]
        (proc / "net" / "tcp").write_text("\n".join(lines) + "\n")
        everywhere = "0" * 32 + ":03E1"
        (proc / "net" / "tcp6").write_text(f"{HEADER}\n{LINE.format(everywhere, '0A', 79)}\n")
        (proc / "12" / "fd").mkdir(parents=True)
        os.symlink("socket:[77]", proc / "12" / "fd" / "3")
        (proc / "12" / "comm").write_text("master\n")
        (proc / "13").mkdir()
        self.assertEqual(
            [
                ListeningSocket("127.0.0.1", 25, (Process(12, "master"),)),
                ListeningSocket("::", 993),
            ],
            listening_sockets(str(proc)),
        )

    def test_no_table(self) -> None:
        self.assertEqual([], listening_sockets("/nowhere"))

    def test_a_real_socket_is_ours(self) -> None:
        if not os.path.exists("/proc/net/tcp"):
            raise SkipTest("no /proc here")
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            found = listening_sockets()
            pids = [process.pid for process in processes_at(found, "127.0.0.1", port)]
        self.assertEqual([os.getpid()], pids)

    def test_addresses_that_overlap(self) -> None:
        one = [ListeningSocket("127.0.0.1", 25, (Process(1, "a"),))]
        self.assertTrue(processes_at(one, "::", 25))
        self.assertFalse(processes_at(one, "192.0.2.1", 25))
        self.assertFalse(processes_at(one, "127.0.0.1", 26))
