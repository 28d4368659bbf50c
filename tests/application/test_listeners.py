"""Unix sockets are made as the user who serves; root makes them only where it is alone."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import tempfile
from typing import Any

from twisted.internet import reactor
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SkipTest, TestCase

from mailhost.application import listeners
from mailhost.application.listeners import Listener
from mailhost.config.model import Listen
from mailhost.config.wire import Wire


class UnixSockets(TestCase):
    def setUp(self) -> None:
        if os.getuid() != 0:
            raise SkipTest("only root becomes another user")
        self.nobody = pwd.getpwnam("nobody").pw_uid
        self.folder = os.path.realpath(tempfile.mkdtemp(dir="/var/tmp"))
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)
        self.patch(listeners, "outermost", lambda factory, listen, reactor: factory)

    def open(self, path: str) -> None:
        listen = Listen(protocol=Wire.LMTP, endpoint=f"unix:{path}")
        factory: Any = Factory()
        listener = Listener(reactor, listen, factory)
        listener.open("nobody")
        self.addCleanup(listener.close)

    def test_in_the_users_folder(self) -> None:
        os.chown(self.folder, self.nobody, -1)
        path = os.path.join(self.folder, "lmtp")
        self.open(path)
        self.assertEqual(self.nobody, os.lstat(path).st_uid)
        self.assertEqual(self.nobody, os.lstat(f"{path}.lock").st_uid)

    def test_in_a_folder_of_roots_alone(self) -> None:
        path = os.path.join(self.folder, "lmtp")
        left = socket.socket(socket.AF_UNIX)  # by a host that was killed
        left.bind(path)
        left.close()
        os.symlink(str(os.getpid()), f"{path}.lock")
        self.open(path)
        self.assertEqual(self.nobody, os.lstat(path).st_uid)

    def test_a_link_of_the_users_does_not_lead_root_there(self) -> None:
        os.mkdir(os.path.join(self.folder, "roots"), 0o755)
        users = os.path.join(self.folder, "users")
        os.mkdir(users)
        os.chown(users, self.nobody, -1)
        os.symlink("../roots", os.path.join(users, "link"))
        path = os.path.join(users, "link", "lmtp")
        self.assertRaises(CannotListenError, self.open, path)
        self.assertEqual([], os.listdir(os.path.join(self.folder, "roots")))
