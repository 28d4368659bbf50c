"""The states that the service manager is told, over a socket as systemd makes it."""

from __future__ import annotations

import contextlib
import os
import socket

from twisted.trial.unittest import SynchronousTestCase

from mailhost.application.notify import Notifier


class Notifying(SynchronousTestCase):
    def listen(self, address: str) -> socket.socket:
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(address)
        manager.settimeout(1)
        return manager

    def test_ready_reloading_and_stopping(self) -> None:
        manager = self.listen(f"\0mailhost-{os.getpid()}")
        environment = {"NOTIFY_SOCKET": f"@mailhost-{os.getpid()}", "HOME": "/"}
        notifier = Notifier(environment)
        self.assertEqual({"HOME": "/"}, environment)  # workers do not speak for the host
        notifier.ready()
        self.assertEqual(b"READY=1", manager.recv(1000))
        notifier.reloading()
        first, second = manager.recv(1000).split(b"\n")
        self.assertEqual(b"RELOADING=1", first)
        self.assertRegex(second, rb"\AMONOTONIC_USEC=[0-9]+\Z")
        notifier.stopping()
        self.assertEqual(b"STOPPING=1", manager.recv(1000))

    def states(self, *calls: str) -> list[bytes]:
        """Return what the manager hears of these calls."""
        path = self.mktemp()
        manager = self.listen(path)
        notifier = Notifier({"NOTIFY_SOCKET": path})
        for call in calls:
            getattr(notifier, call)()
        manager.setblocking(False)
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(manager.recv(1000).partition(b"=")[0])
        return found

    def test_a_reload_during_the_start_is_not_reported(self) -> None:
        """READY=1 at its end would say that the host is ready, which it is not."""
        self.assertEqual([b"READY"], self.states("reloading", "reloaded", "ready"))
        self.assertEqual([b"READY"], self.states("reloading", "ready", "reloaded"))
        once_more = self.states("ready", "reloading", "reloaded", "reloading", "reloaded")
        self.assertEqual([b"READY", *[b"RELOADING", b"READY"] * 2], once_more)

    def test_nothing_follows_the_stop(self) -> None:
        calls = ("ready", "reloading", "stopping", "reloaded", "reloading", "reloaded")
        self.assertEqual([b"READY", b"RELOADING", b"STOPPING"], self.states(*calls))

    def test_a_path(self) -> None:
        path = self.mktemp()
        manager = self.listen(path)
        Notifier({"NOTIFY_SOCKET": path}).ready()
        self.assertEqual(b"READY=1", manager.recv(1000))

    def test_without_a_socket_or_a_listener_nothing_is_sent(self) -> None:
        Notifier({}).ready()
        Notifier({"NOTIFY_SOCKET": "/nonexistent/notify"}).ready()
