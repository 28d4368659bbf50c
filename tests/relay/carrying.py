"""A relay over far hosts in memory, and mail for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailhost.concurrency.answers import result_of
from mailhost.concurrency.pauses import pauses_of
from mailhost.config.model import Listen, Relay, Settings
from mailhost.config.protocol import ListenProtocol
from mailhost.config.secrets import Secrets
from mailhost.config.types import Secret
from mailhost.delivery.dispatch import Dispatch
from mailhost.interfaces.dns import ResolveFailed
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope
from mailhost.message.outcome import Outcome
from mailhost.queue.lanes import carry_lanes
from mailhost.relay.sources import sources_of
from mailhost.relay.sts.policies import STSPolicies
from mailhost.relay.tls.decision import TLSDecision
from mailhost.relay.tls.handshakes import Handshakes
from mailhost.relay.transport import RelayTransport
from mailhost.routing import Router
from tests.fakes import FakeDelivery, FakeDirectory, RecordingEvents, view_of
from tests.fakes import envelope as envelope_to
from tests.relay.fake_resolver import FakeResolver
from tests.relay.far_net import FarHandshake, FarHost, FarNet

HEAD = {"version": 1, "hostname": "us.example", "data": "/var/lib/mailhost"}
OWN = Listen(protocol=ListenProtocol.SMTP, endpoint="tcp:25:interface=192.0.2.77")
TEXT = "Subject: hi\r\n\r\nhello\r\n"
MX: dict[str, list[tuple[int, str]] | Exception] = {
    "x.example": [(10, "mx1.x.example"), (20, "mx2.x.example")],
    "y.example": [(10, "mx.y.example")],
    "here.example": [(10, "us.here.example"), (20, "mx.y.example")],
    "equal.example": [(10, "mx1.x.example"), (10, "us.here.example"), (20, "mx.y.example")],
    "backup.example": [(10, "mx1.x.example"), (20, "us.here.example"), (30, "mx.y.example")],
    "nowhere.example": [(10, "loopback.example"), (20, "localhost"), (30, "gone.example")],
    "long.example": [*((n, "loopback.example") for n in range(12)), (20, "mx.y.example")],
    "down.example": [(n, "down.example") for n in range(12)],
    "half.example": [(10, "loopback.example"), (20, "mx.y.example")],
    "unsure.example": [(10, "loopback.example"), (10, "broken.example")],
}
ADDRESSES: dict[str, list[str] | Exception] = {
    "mx1.x.example": ["192.0.2.1"],
    "mx2.x.example": ["192.0.2.2", "2001:db8::2"],
    "mx.y.example": ["192.0.2.3"],
    "smart.example": ["192.0.2.9"],
    "us.here.example": ["192.0.2.77"],
    "loopback.example": ["127.0.0.1"],
    "down.example": [f"198.51.100.{n}" for n in range(3)],
    "broken.example": ResolveFailed("silence"),
}


class RelayCase(SynchronousTestCase):
    """mx1 and mx2 serve x.example, mx serves y.example; smart.example is a smarthost."""

    mx_records: dict[str, list[tuple[int, str]] | Exception] = {}
    addresses: dict[str, list[str] | Exception] = {}

    def setUp(self) -> None:
        self.net = FarNet()
        self.mx1, self.mx2, self.mx, self.smart = FarHost(), FarHost(), FarHost(), FarHost()
        self.net.hosts = {
            "192.0.2.1": self.mx1,
            "192.0.2.2": self.mx2,
            "192.0.2.3": self.mx,
            "192.0.2.9": self.smart,
        }
        self.events = RecordingEvents()
        self.tls: list[tuple[str, bool]] = []
        self.make({})

    def make(self, settings: dict[str, Any], secrets: dict[Secret, str] | None = None) -> None:
        """A relay with these settings."""
        self.resolver = FakeResolver({**MX, **self.mx_records}, {**ADDRESSES, **self.addresses})
        relay = Relay.model_validate(settings)
        kept = Secrets(secrets or {})
        self.relay = RelayTransport(
            cast(Any, self.net),
            self.resolver,
            relay,
            kept,
            "us.example",
            self.events,
            FarHandshakes(self),
            [OWN],
            sts=self.make_sts(),
            sources=sources_of(Settings.model_validate({**HEAD, "relay": settings})),
        )
        self.dispatch = Dispatch(
            FakeDirectory(view_of()),
            Router("us.example"),
            FakeDelivery(),
            self.relay,
            self.events,
            pauses_of(self.net),
        )

    def make_sts(self) -> STSPolicies | None:
        """The MTA-STS policies of the relay: none are looked up."""
        return None

    def record_tls(self, name: str, decision: TLSDecision) -> Any:
        """Instead of TLS options."""
        self.tls.append((name, decision.verified and decision.enforced))
        return FarHandshake(decision.check) if decision.verified else name

    def begin(
        self, *recipients: str, envelope: Envelope | None = None, attempts: int = 0
    ) -> Deferred[Sequence[Outcome]]:
        """Hand over a message; it is on its way until the net settles."""
        envelope = envelope or envelope_to(*recipients)
        content = Content((TEXT.encode(),))
        to = envelope.recipients

        async def carry() -> Sequence[Outcome]:
            pause = pauses_of(self.net)
            lanes = await result_of(self.dispatch.lanes(envelope, to, attempts))
            carried = await carry_lanes(
                lanes.lanes,
                lambda lane: self.dispatch.carry(lane, envelope, content, "one"),
                pause,
            )
            known = {outcome.recipient: outcome for outcome in carried.outcomes}
            self.carried = [known[path] for path in to if path in known]
            if carried.bug is not None:
                raise carried.bug
            return self.carried

        work = Deferred.fromCoroutine(carry())
        self.addCleanup(_break_off, work)
        return work

    def turn(self, seconds: float = 0) -> None:
        """Let time pass and everybody speak."""
        self.net.settle()
        for _ in range(5):
            self.net.advance(0)
            self.net.settle()
        if seconds:
            self.net.advance(seconds)
            self.turn()

    def send(self, *recipients: str, **also: Any) -> list[str]:
        """Send, and return fate, code and host for each recipient."""
        work = self.begin(*recipients, **also)
        self.turn()
        return [
            f"{outcome.fate} {outcome.status.code} {outcome.by}".strip()
            for outcome in self.successResultOf(work)
        ]


class FarHandshakes(Handshakes):
    """Asks a test for each handshake."""

    def __init__(self, case: RelayCase) -> None:
        self._case = case

    def begin(self, host: str, decision: TLSDecision) -> Any:
        return self._case.record_tls(host, decision)


def _break_off(work: Deferred[Sequence[Outcome]]) -> None:
    """Work that a test leaves under way must not end during another test."""
    work.addErrback(lambda failure: ())
    work.cancel()
