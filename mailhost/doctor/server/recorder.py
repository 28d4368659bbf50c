"""Writes the events of one connection to its record and its transcript."""

from __future__ import annotations

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from mailhost.doctor.server.connecting import Broken, kind_of_end, text_of_end
from mailhost.doctor.server.record import Kind, Record, Step
from mailhost.doctor.server.tls import ExaminedHandshake
from mailhost.doctor.server.transcript import Transcript

BEGINNING = 200  # octets of the server that are kept


class Recorder:
    """`lost` is the reason for the end of the connection, None while it is open."""

    def __init__(self, record: Record, transcript: Transcript, clock: IReactorTime) -> None:
        self.record = record
        self.transcript = transcript
        self.lost: BaseException | None = None
        self._clock = clock
        self._connected_at = clock.seconds()

    def connected(self) -> None:
        """The connection is made."""
        self._connected_at = self._clock.seconds()
        self.transcript.note("connected")

    def began(self, data: bytes) -> None:
        """Keep the first octets of the server."""
        left = BEGINNING - len(self.record.began)
        if left > 0:
            self.record.began += data[:left]

    def greeted(self, text: str) -> None:
        """The greeting has been received."""
        self.record.greeting = text
        self.record.delay = self._clock.seconds() - self._connected_at

    def secured(self, handshake: ExaminedHandshake) -> None:
        """The TLS handshake is done. Raises Broken for a certificate that cannot be read."""
        try:
            seen = handshake.seen()
        except ValueError as error:
            raise Broken(Kind.TLS, f"its certificate cannot be read: {error}") from error
        self.record.tls = seen
        certificate = seen.certificate
        names = ", ".join(certificate.names[:3]) if certificate else "none"
        self.transcript.note(f"{seen.version} {seen.cipher}, certificate for {names}")

    def fetched(self, octets: int) -> None:
        """A message was read."""
        self.record.fetched = octets
        self.transcript.note(f"a message of {octets} octets, which is not shown")

    def ended(self, failure: Failure) -> None:
        """The connection has ended."""
        reason = failure.value or ConnectionDone()
        self.lost = reason
        self.transcript.end()
        self.transcript.note(text_of_end(reason) or "connection closed")

    def failed(self, broken: Broken) -> None:
        """The probe ends because of a failure."""
        self.record.fail(broken.kind, broken.text)
        if self.record.step is Step.CONNECT:
            self.transcript.note(f"the server {broken.kind.value}")
        elif broken.kind is Kind.TIMED_OUT:
            self.transcript.note(broken.text)

    def broken_by(self, text: str) -> Broken:
        """Return the failure for an end of the connection that the server caused."""
        if self.lost is None:
            return Broken(Kind.STRANGE, text)
        return Broken(kind_of_end(self.lost), text_of_end(self.lost))
