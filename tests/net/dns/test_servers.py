"""The DNS servers of the system and of the settings."""

from __future__ import annotations

import os

from mailhost.config.model import DNS
from mailhost.net.dns.resolver import Resolver
from mailhost.net.dns.servers import SystemServers
from tests.net.dns.test_resolver import ResolverCase, reactor, run


class System(ResolverCase):
    def file(self, text: str, changed: float) -> str:
        path: str = getattr(self, "path", "") or self.mktemp()
        self.path = path
        with open(path, "w") as file:
            file.write(text)
        os.utime(path, (changed, changed))
        return path

    def test_the_file_of_the_system_and_its_changes(self) -> None:
        path = self.file("# mine\nsearch x\nnameserver 192.0.2.1\nnameserver ::1 \n", 1000)
        system = SystemServers(path)
        self.assertEqual([("192.0.2.1", 53), ("::1", 53)], system.get())
        self.file("nameserver 192.0.2.2\n", 2000)
        self.assertEqual([("192.0.2.2", 53)], system.get())
        os.remove(path)
        self.assertEqual([("192.0.2.2", 53)], system.get())

    def test_what_is_no_server_is_passed_over(self) -> None:
        text = "nameserver\nnameserver somewhere\nnameserver 1.2.3.4\n" + "nameserver ::1\n" * 9
        self.assertEqual(
            [("1.2.3.4", 53), ("::1", 53), ("::1", 53)], SystemServers(self.file(text, 1)).get()
        )

    def test_none_at_all_is_this_machine(self) -> None:
        self.assertEqual([("127.0.0.1", 53)], SystemServers("/nonexistent").get())
        self.assertEqual([("127.0.0.1", 53)], SystemServers(self.file("", 1)).get())

    @run
    async def test_they_are_asked_where_the_settings_name_none(self) -> None:
        system = SystemServers("/nonexistent")
        self.patch(system, "get", lambda: [("127.0.0.1", self.port)])
        resolver = Resolver(reactor, DNS(timeout=5.0), system)
        self.assertEqual(2, len(await resolver.mx("a.example")))
