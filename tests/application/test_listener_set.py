"""Listeners that a start or a reload opens and closes; no socket is opened."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.trial.unittest import SynchronousTestCase

from mailhost.application import listener_set
from mailhost.application.listener_set import ListenerSet
from mailhost.application.listeners import cannot_listen
from mailhost.config.model import Listen, Settings
from mailhost.config.protocol import ListenProtocol
from tests.fakes import RecordingEvents, now


def settings(*endpoints: str) -> Settings:
    listen = [{"protocol": "smtp", "endpoint": endpoint} for endpoint in endpoints]
    values: Any = {"version": 1, "hostname": "mx.example.com", "data": "/d", "listen": listen}
    return Settings.model_validate(values)


class FakeListener:
    """Notes what is done to it in `made`. A unix socket has no descriptor to share."""

    made: list[FakeListener]
    taken: tuple[str, ...] = ()

    def __init__(self, reactor: object, listen: Listen, factory: str) -> None:
        self.listen = listen
        self.factory: Any = factory
        self.ended: Deferred[None] = Deferred()
        self.done: list[object] = []
        self.made.append(self)

    @property
    def address(self) -> str:
        return self.listen.endpoint

    @property
    def shared(self) -> int | None:
        return None if self.listen.endpoint.startswith("unix:") else 7

    def open(self, user: str) -> None:
        if self.listen.endpoint in ("unix:/taken", *self.taken):
            raise CannotListenError("::", 25, OSError("in use"))
        self.done.append("open")

    def take_over(self, former: FakeListener) -> None:
        self.done.append(former.listen.endpoint)

    async def close(self) -> None:
        self.done.append("close")

    async def retire(self) -> None:
        """Stands for the factory."""
        self.done.append("retire")
        await self.ended

    async def drain(self, seconds: float) -> None:
        self.done.append(seconds)


class ListenerSetTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.made: list[FakeListener] = []
        FakeListener.made = self.made
        self.patch(listener_set, "Listener", FakeListener)
        self.patch(listener_set, "make_factory", lambda foundation, listen: listen.endpoint)
        self.served: list[tuple[object, ...]] = []
        self.patch(listener_set, "serve", lambda *given: self.served.append(given))
        self.listeners = ListenerSet(cast(Any, None))
        self.take(settings("tcp:25", "unix:/run/smtp"))

    def take(self, wanted: Settings) -> None:
        self.listeners.use(self.listeners.open(cast(Any, None), wanted), wanted)

    def test_a_start_opens_all(self) -> None:
        self.assertEqual([["open"], ["open"]], [each.done for each in self.made])
        self.assertEqual(["smtp on tcp:25", "smtp on unix:/run/smtp"], self.listeners.addresses())

    def test_unix_sockets_are_not_shared_with_workers(self) -> None:
        listen = Listen(protocol=ListenProtocol.SMTP, endpoint="tcp:25")
        self.assertEqual([(7, listen)], self.listeners.shared())

    def test_web_listeners_are_not_shared_with_workers(self) -> None:
        wanted = settings("tcp:80")
        web = wanted.listen[0].model_copy(update={"protocol": ListenProtocol.HTTP})
        self.take(wanted.model_copy(update={"listen": (web,)}))
        self.assertEqual([], self.listeners.shared())

    def test_a_reload_opens_those_that_are_new_and_closes_those_that_are_gone(self) -> None:
        new = settings("tcp:25", "tcp:26")
        removed = self.made[1]
        removed.factory = removed
        self.take(new)
        self.assertEqual(["open"], removed.done)
        now(self.listeners.close_removed())
        now(self.listeners.close_removed())
        self.assertEqual(
            [["open"], ["open", "close", "retire"], ["open"]], [m.done for m in self.made]
        )
        self.assertEqual(["smtp on tcp:25", "smtp on tcp:26"], self.listeners.addresses())
        self.assertIs(new.listen[0], self.made[0].listen)

    def test_a_stop_drains_those_that_were_removed_until_they_have_ended(self) -> None:
        for removed in self.made:
            removed.factory = removed
        self.take(settings("tcp:26"))
        now(self.listeners.close_removed())
        self.made[0].ended.callback(None)
        now(self.listeners.drain(5))
        self.assertEqual(
            [["open", "close", "retire"], ["open", "close", "retire", 5], ["open", 5]],
            [each.done for each in self.made],
        )

    def test_connections_at_former_listeners_are_counted_too(self) -> None:
        for number, listener in enumerate(self.made, 1):
            listener.factory = SimpleNamespace(open_count=number, retire=listener.retire)
        self.take(settings("tcp:26"))
        self.made[2].factory = SimpleNamespace(open_count=4)
        for close in (lambda: None, lambda: now(self.listeners.close_removed())):
            close()
            self.assertEqual({"smtp": 7}, self.listeners.sessions_by_protocol())
        self.made[0].ended.callback(None)
        self.assertEqual({"smtp": 6}, self.listeners.sessions_by_protocol())

    def changed(self, old: str, new: str, protocol: str = "smtp") -> list[object]:
        """Return what is done to a listener that replaces the one with the endpoint `old`."""
        self.listeners = ListenerSet(cast(Any, None))
        self.take(settings(old))
        self.made.clear()
        wanted = settings(new)
        listen = Listen(protocol=ListenProtocol(protocol), endpoint=wanted.listen[0].endpoint)
        self.take(wanted.model_copy(update={"listen": (listen,)}))
        return self.made[0].done

    def test_a_changed_listener_takes_over_the_socket(self) -> None:
        """To open another one would fail, since this host listens there itself."""
        for old, new in (
            ("tcp:25", "haproxy:tcp:25"),
            ("tcp:25", "tcp:25:backlog=50"),
            ("tcp:25:interface=127.0.0.1", "tcp:25:interface=127.0.0.1:backlog=50"),
            ("unix:/run/a", "haproxy:unix:/run/a"),
        ):
            self.assertEqual([old], self.changed(old, new))
        self.assertEqual(["tcp:25"], self.changed("tcp:25", "tcp:25", "lmtp"))
        self.assertEqual(["open"], self.changed("tcp:25", "tcp:26"))
        self.assertEqual(["open"], self.changed("tcp:0", "tcp:0", "lmtp"))

    def test_two_that_swap_their_protocols(self) -> None:
        def both(one: str, other: str) -> Settings:
            listen = tuple(
                Listen(protocol=ListenProtocol(protocol), endpoint=endpoint)
                for protocol, endpoint in ((one, "tcp:25"), (other, "tcp:26"))
            )
            return settings("tcp:25").model_copy(update={"listen": listen})

        self.take(both("smtp", "lmtp"))
        self.made.clear()
        self.take(both("lmtp", "smtp"))
        self.assertEqual([["tcp:25"], ["tcp:26"]], [each.done for each in self.made])

    def test_one_that_needs_another_socket_in_the_same_place_is_refused(self) -> None:
        for old, new in (
            ("tcp:25", "tcp:25:interface=127.0.0.1"),
            ("unix:/run/a", "unix:/run/a:mode=666"),
            ("ssl:25", "ssl:25:backlog=50"),
        ):
            with self.assertRaises(CannotListenError) as raised:
                self.changed(old, new)
            text = cannot_listen(raised.exception)
            self.assertIn(
                f"this host listens there itself, for smtp on {old}; restart the host", text
            )
            self.assertEqual([[]], [each.done for each in self.made])

    def test_all_new_ones_are_opened_or_none(self) -> None:
        new = settings("tcp:26", "unix:/taken")
        self.assertRaises(CannotListenError, self.listeners.open, cast(Any, None), new)
        self.assertEqual([["open"], ["open"], ["open", "close"], []], [m.done for m in self.made])
        self.assertEqual(2, len(self.listeners.addresses()))

    def test_a_port_of_the_web_that_another_program_has(self) -> None:
        """It is a fault in the log where the listener is a default one, else of the settings."""
        values = {"version": 1, "hostname": "mx.example.com", "data": "/d"}
        wanted = Settings.model_validate({**values, "web": {}})
        self.patch(FakeListener, "taken", ("tcp6:80:interface=\\:\\:",))
        foundation: Any = SimpleNamespace(events=RecordingEvents())
        self.listeners = ListenerSet(cast(Any, None))
        opened = self.listeners.open(foundation, wanted)
        protocols = [each.listen.protocol for each in opened]
        self.assertIn(ListenProtocol.HTTPS, protocols)
        self.assertNotIn(ListenProtocol.HTTP, protocols)
        self.assertIn("the host runs without http", foundation.events.lines[0])
        written = Settings.model_validate({**values, "listen": wanted.listen})
        self.assertRaises(CannotListenError, self.listeners.open, foundation, written)

    def test_each_serves_by_its_own_settings(self) -> None:
        services: Any = "services"
        self.listeners.serve(services)
        self.assertEqual(
            [(each.factory, "services", each.listen) for each in self.made], self.served
        )

    def test_a_stop_closes_and_drains_all(self) -> None:
        now(self.listeners.close())
        now(self.listeners.drain(5))
        self.assertEqual([["open", "close", 5]] * 2, [each.done for each in self.made])
