"""Fetches one small file over HTTPS, or posts one. The certificate must be right, redirects are not
followed, and size and time are bounded. So is all that the server sends, with its header fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address
from typing import Any

from OpenSSL import SSL
from twisted.internet.defer import CancelledError, Deferred, TimeoutError, succeed
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    ConnectionClosed,
    ConnectionRefusedError,
)
from twisted.internet.interfaces import (
    IConsumer,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent, ResponseDone, ResponseFailed
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory, IBodyProducer, IResponse
from zope.interface import implementer

from mailhost.interfaces.dns import IResolver, NoSuchDomain, ResolveFailed
from mailhost.interfaces.reactor import IReactor
from mailhost.net.tls.peer import PeerCheck, PeerRefused, PeerTLS

MOST_ADDRESSES = 4  # of the host that are tried
MOST_HEADER = 65_536  # octets of the response without its body
_HEADERS = {b"User-Agent": [b"mailhost"]}


class FetchFailed(Exception):
    """The file was not fetched; the text of the exception says why. `certain` is false where the
    network, DNS or this machine may be the reason. `certificate` is true for a wrong
    certificate."""

    def __init__(self, reason: str, certain: bool = True, certificate: bool = False) -> None:
        super().__init__(reason)
        self.certain = certain
        self.certificate = certificate


@dataclass(frozen=True, slots=True)
class Fetched:
    """The reply of the server. `media_type` is in lower case and without parameters."""

    status: int
    media_type: str
    body: bytes


@implementer(IBodyProducer)
class _WholeBody:
    """Sends the body of a request in one piece."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.length = len(body)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """See IBodyProducer."""
        consumer.write(self._body)
        return succeed(None)

    def pauseProducing(self) -> None:
        """See IBodyProducer."""

    def resumeProducing(self) -> None:
        """See IBodyProducer."""

    def stopProducing(self) -> None:
        """See IBodyProducer."""


@dataclass(frozen=True, slots=True)
class _Request:
    """A request: a GET, or a POST of `body`, which has a media type then."""

    url: str
    body: bytes = b""
    media_type: str = ""

    def by(self, agent: Agent) -> Deferred[IResponse]:
        """Have an agent send the request."""
        fields = dict(_HEADERS)
        if self.media_type:
            fields[b"Content-Type"] = [self.media_type.encode("ascii")]
        method = b"POST" if self.media_type else b"GET"
        producer = _WholeBody(self.body) if self.media_type else None
        return agent.request(method, self.url.encode("ascii"), Headers(fields), producer)


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches files of at most `most` octets within `seconds` each. Addresses for which `may_try`
    is false are not contacted. `peers` has the authorities that may issue the certificates."""

    reactor: IReactor
    resolver: IResolver
    seconds: float
    most: int
    may_try: Callable[[str], bool] = lambda address: ip_address(address).is_global
    peers: PeerTLS = field(default_factory=PeerTLS)

    async def fetch(self, url: str) -> Fetched:
        """Return the reply to a GET of `url`. Raises FetchFailed."""
        return await self._bounded(_Request(url))

    async def post(self, url: str, body: bytes, media_type: str) -> Fetched:
        """Return the reply to a POST of `body` to `url`. Raises FetchFailed."""
        return await self._bounded(_Request(url, body, media_type))

    async def _bounded(self, request: _Request) -> Fetched:
        fetching = Deferred.fromCoroutine(self._fetch(request))
        try:
            return await fetching.addTimeout(self.seconds, self.reactor)
        except (TimeoutError, ConnectingCancelledError) as error:
            raise FetchFailed(f"no reply within {self.seconds:g} s", certain=False) from error

    async def _fetch(self, request: _Request) -> Fetched:
        """Try the addresses of the host, IPv4 first, until one can be connected to."""
        uri = URI.fromBytes(request.url.encode("ascii"))
        addresses = await self._addresses(uri.host.decode("ascii"))
        failures = []
        for address in sorted(addresses, key=lambda each: ":" in each)[:MOST_ADDRESSES]:
            try:
                return await self._fetch_from(request, address)
            except (ConnectError, OSError) as error:
                refused = isinstance(error, ConnectionRefusedError)
                failures.append(FetchFailed(f"{address}: {error}", certain=refused))
        raise next((each for each in failures if each.certain), failures[0])

    async def _addresses(self, host: str) -> list[str]:
        try:
            found = await self.resolver.addresses(host)
        except NoSuchDomain as error:
            raise FetchFailed(f"{host} does not exist") from error
        except ResolveFailed as error:
            raise FetchFailed(f"{host} cannot be looked up: {error}", certain=False) from error
        if not found:
            raise FetchFailed(f"{host} has no address")
        if not any(map(self.may_try, found)):
            raise FetchFailed(f"{host} leads to {found[0]}, where no public server can be")
        return [address for address in found if self.may_try(address)]

    async def _fetch_from(self, request: _Request, address: str) -> Fetched:
        """Fetch from one address. Raises FetchFailed, ConnectError, OSError; CancelledError if the
        caller is cancelled."""
        most = MOST_HEADER + 2 * self.most  # a body in chunks is larger on the wire
        factory = _AtAddress(self.reactor, address, self.seconds / 2, self.peers, most)
        agent = Agent.usingEndpointFactory(self.reactor, factory)
        try:
            response = await request.by(agent)
            return await _read(response, self.most)
        except ResponseFailed as error:  # while the request is sent, or the response is received
            if any(failure.check(CancelledError) for failure in error.reasons):
                raise CancelledError from error
            certificate = any(each.check(PeerRefused) for each in error.reasons)
            raise FetchFailed(_why(error), certificate=certificate) from error
        except (SSL.Error, ConnectionClosed) as error:
            raise FetchFailed(_reason(error), certificate=isinstance(error, PeerRefused)) from error


def _why(failed: ResponseFailed) -> str:
    reasons = [_reason(failure.value) for failure in failed.reasons]
    return "; ".join(dict.fromkeys(reasons))[:300]


def _reason(error: BaseException) -> str:
    """Return the reason of a failure in words."""
    if isinstance(error, PeerRefused | FetchFailed):
        return str(error)
    if isinstance(error, SSL.Error):
        found = error.args[0] if error.args else ()
        texts = [str(each[-1]) for each in found if isinstance(each, tuple) and each]
        return "TLS failed: " + (", ".join(texts) or "no reason is given")
    if isinstance(error, ConnectionClosed):
        return "the server closed the connection"
    return f"{type(error).__name__} {error}"[:200].strip()


@implementer(IAgentEndpointFactory)
class _AtAddress:
    """Connects to one address, whatever the host of the URI; the certificate must be for that
    host. At most `most` octets are read over a connection."""

    def __init__(
        self,
        reactor: IReactor,
        address: str,
        seconds: float,
        peers: PeerTLS,
        most: int,
    ) -> None:
        self._reactor = reactor
        self._address = address
        self._seconds = seconds
        self._peers = peers
        self._most = most

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """Return the endpoint for a connection with TLS."""
        kind = TCP6ClientEndpoint if ":" in self._address else TCP4ClientEndpoint
        plain = kind(self._reactor, self._address, uri.port, self._seconds)
        host = uri.host.decode("ascii")
        tls = self._peers.handshake(host, PeerCheck((host,), enforced=True))
        return _BoundedEndpoint(wrapClientTLS(tls, plain), self._most)


@implementer(IStreamClientEndpoint)
class _BoundedEndpoint:
    """Connects by another endpoint, and bounds what is read over each connection."""

    def __init__(self, endpoint: IStreamClientEndpoint, most: int) -> None:
        self._endpoint = endpoint
        self._most = most

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """See IStreamClientEndpoint."""
        factory = WrappingFactory(protocolFactory)
        factory.noisy = False
        factory.protocol = partial(_Bounded, most=self._most)
        return self._endpoint.connect(factory).addCallback(_wrapped)


def _wrapped(bounded: Any) -> IProtocol:
    protocol: IProtocol = bounded.wrappedProtocol
    return protocol


class _Bounded(ProtocolWrapper):
    """Closes the connection when more than `most` octets have been read."""

    def __init__(self, factory: Any, wrapped: IProtocol, most: int) -> None:
        super().__init__(factory, wrapped)
        self._most = most
        self._octets = 0

    def dataReceived(self, data: bytes) -> None:
        self._octets += len(data)
        if self._octets > self._most:
            self.abortConnection()
        else:
            self.wrappedProtocol.dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._octets > self._most:
            reason = Failure(FetchFailed(f"the server sent more than {self._most} octets"))
        ProtocolWrapper.connectionLost(self, reason)


async def _read(response: IResponse, most: int) -> Fetched:
    body = _Body(most)
    response.deliverBody(body)
    data = await body.ended
    [kind, *_] = response.headers.getRawHeaders(b"content-type") or [b""]
    media_type = kind.decode("ascii", "replace").partition(";")[0].strip().lower()
    return Fetched(response.code, media_type, data)


class _Body(Protocol):
    """Collects a body of at most `most` octets."""

    def __init__(self, most: int) -> None:
        self.ended: Deferred[bytes] = Deferred(lambda ended: self._close())
        self._most = most
        self._data = b""

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        if len(self._data) > self._most and not self.ended.called:
            self.ended.errback(FetchFailed(f"the file has more than {self._most} octets"))
            self._close()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.ended.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss):
            self.ended.callback(self._data)
        else:
            self.ended.errback(reason)

    def _close(self) -> None:
        assert self.transport is not None  # it is set before anything else is called
        self.transport.loseConnection()
