"""Listeners and their endpoints, and the user that makes unix sockets."""

from __future__ import annotations

import errno
import os
import pwd
import shutil
import socket
import stat
import tempfile
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SkipTest, SynchronousTestCase, TestCase

from mailhost.application import listeners
from mailhost.application.listeners import Listener, cannot_listen
from mailhost.config.model import Listen
from mailhost.config.protocol import ListenProtocol
from mailhost.net.pump import PumpFactory
from tests.net.tls.handshakes import Folder, Offering, shake


class Refused(SynchronousTestCase):
    """The words for a socket that cannot be opened."""

    def text(self, number: int, port: int | bytes, interface: str = "::") -> str:
        return cannot_listen(
            CannotListenError(interface, port, OSError(number, os.strerror(number)))
        )

    def test_the_address_and_the_remedy(self) -> None:
        low = self.text(errno.EACCES, 25)
        self.assertTrue(low.startswith("cannot listen on [::]:25: "), low)
        self.assertIn("ports below 1024 are root's; start mailhost as root, or from systemd", low)
        self.assertNotIn("1024", self.text(errno.EACCES, 2525))
        taken = self.text(errno.EADDRINUSE, 25, "127.0.0.1")
        self.assertTrue(taken.startswith("cannot listen on 127.0.0.1:25: "), taken)
        self.assertIn("ss -ltnp", taken)
        self.assertIn("/run/x.sock", self.text(errno.EACCES, b"/run/x.sock", ""))

    def test_sockets_that_cannot_be_had(self) -> None:
        self.patch(listeners, "outermost", lambda factory, listen, reactor: factory)
        for endpoint, cause in (
            ("systemd:domain=INET:index=0", "systemd handed over no such socket"),
            ("systemd:domain=INET:name=smtp", "systemd handed over no such socket"),
            ("unix:/nonexistent/lmtp.sock", "there is no folder /nonexistent; make it"),
            ("tcp:25:interface=203.0.113.9", "Cannot assign requested address"),
        ):
            listen = Listen(protocol=ListenProtocol.SMTP, endpoint=endpoint)
            error = self.assertRaises(CannotListenError, self.open, listen)
            words = cannot_listen(error)
            self.assertTrue(words.startswith("cannot listen on "), words)
            self.assertFalse(words.startswith("cannot listen on :"), words)
            self.assertIn(cause, words)

    def open(self, listen: Listen) -> None:
        Listener(cast(Any, reactor), listen, cast(PumpFactory, Factory())).open()


class TakingOver(TestCase):
    """A listener takes over the socket of another; no client is refused meanwhile."""

    def listener(self, endpoint: str, served: list[str]) -> Listener:
        """A listener that notes its endpoint for each client."""
        factory = Factory()
        factory.buildProtocol = lambda addr: served.append(endpoint)  # type: ignore[method-assign]
        listen = Listen(protocol=ListenProtocol.LMTP, endpoint=endpoint)
        return Listener(cast(Any, reactor), listen, cast(PumpFactory, factory))

    async def test_new_connections_are_those_of_the_new_listener(self) -> None:
        folder = tempfile.mkdtemp(prefix="mailhost-")
        self.addCleanup(shutil.rmtree, folder)
        for endpoint in ("tcp:0:interface=127.0.0.1", f"unix:{folder}/socket"):
            served: list[str] = []
            former, new = (
                self.listener(endpoint, served),
                self.listener(f"{endpoint}:backlog=9", served),
            )
            former.open()
            address: Any = f"{folder}/socket"
            if endpoint.startswith("tcp"):
                address = ("127.0.0.1", int(former.address.rpartition(":")[2]))
            new.take_over(former)
            await former.close()
            self.addCleanup(new.close)
            family = socket.AF_INET if endpoint.startswith("tcp") else socket.AF_UNIX
            with socket.socket(family) as client:
                client.connect(address)
                while not served:
                    await deferLater(cast(Any, reactor), 0)
            self.assertEqual([f"{endpoint}:backlog=9"], served)


class EndpointsWithTLS(Folder):
    def test_a_key_that_is_none(self) -> None:
        chain, _ = self.certificate("a.example")
        for key in (chain, "/nonexistent/key.pem"):
            listen = Listen(
                protocol=ListenProtocol.SMTP, endpoint=f"ssl:0:privateKey={key}:certKey={chain}"
            )
            reactor = cast(Any, MemoryReactorClock())
            factory = cast(PumpFactory, Factory())
            error = self.assertRaises(CannotListenError, Listener, reactor, listen, factory)
            text = cannot_listen(error)
            self.assertIn(f"cannot listen on ssl:0:privateKey={key}", text)
            self.assertIn("; correct its privateKey and certKey", text)
            self.assertNotIn("[(", text)

    def test_a_context_that_twisted_made_answers_alpn_too(self) -> None:
        chain, key = self.certificate("a.example")
        endpoint = f"ssl:0:privateKey={key}:certKey={chain}"
        reactor = cast(Any, MemoryReactorClock())
        listen = Listen(protocol=ListenProtocol.SMTP, endpoint=endpoint)
        Listener(cast(Any, reactor), listen, cast(PumpFactory, Factory())).open()
        [(_, _, context, _, _)] = reactor.sslServers
        here = shake(context, Offering("a.example", b"imap"))[1]
        self.assertIsNotNone(here.state)


class UnixSockets(TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="mailhost-")  # sockets cannot have long paths
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = os.path.join(self.folder, "lmtp.sock")

    def mode(self, more: str = "") -> int:
        """The mode of a socket that was opened."""
        listen = Listen(protocol=ListenProtocol.LMTP, endpoint=f"unix:{self.path}{more}")
        listener = Listener(cast(Any, reactor), listen, cast(PumpFactory, Factory()))
        listener.open()
        self.addCleanup(lambda: Deferred.fromCoroutine(listener.close()))
        found = os.stat(self.path)
        self.assertTrue(stat.S_ISSOCK(found.st_mode))
        return stat.S_IMODE(found.st_mode)

    def test_others_on_the_machine_cannot_connect(self) -> None:
        self.assertEqual(self.mode(), 0o660)

    def test_the_settings_may_give_another_mode(self) -> None:
        self.assertEqual(self.mode(":mode=666"), 0o666)

    def test_without_a_lock_file_the_mode_is_the_same(self) -> None:
        self.assertEqual(self.mode(":lockfile=0"), 0o660)


class SocketsOfAnotherUser(TestCase):
    def setUp(self) -> None:
        if os.getuid() != 0:
            raise SkipTest("only root becomes another user")
        self.nobody = pwd.getpwnam("nobody").pw_uid
        self.folder = os.path.realpath(tempfile.mkdtemp(dir="/var/tmp"))
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)
        self.patch(listeners, "outermost", lambda factory, listen, reactor: factory)

    def open(self, path: str) -> None:
        listen = Listen(protocol=ListenProtocol.LMTP, endpoint=f"unix:{path}")
        factory: Any = Factory()
        listener = Listener(cast(Any, reactor), listen, factory)
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
