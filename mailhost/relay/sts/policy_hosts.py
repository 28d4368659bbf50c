"""Asks DNS for the id of a domain's MTA-STS policy, and fetches the policy from its policy host."""

from __future__ import annotations

from ipaddress import ip_address

from twisted.internet.defer import DeferredSemaphore

from mailhost.interfaces.dns import IResolver
from mailhost.interfaces.reactor import IReactor
from mailhost.interfaces.tls_sessions import TLSFailure
from mailhost.mta_sts.lookups import PolicyId, find_id, policy_in_reply
from mailhost.mta_sts.policy import LARGEST_POLICY, BadPolicy, STSPolicy, policy_url
from mailhost.net.dns.lookups import run_lookups
from mailhost.net.https_fetch import Fetcher, FetchFailed
from mailhost.net.tls.peer import PeerTLS

DNS_SECONDS = 10.0
FETCH_SECONDS = 30.0
MOST_FETCHES = 50  # at a time; others wait, and so does their mail


class PolicyUnavailable(Exception):
    """No valid policy was fetched: the kind of the failure in reports, and the reason."""

    def __init__(self, kind: TLSFailure, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


class PolicyHosts:
    """`reconfigure` must be called before anything else."""

    def __init__(self, reactor: IReactor, resolver: IResolver) -> None:
        self._reactor = reactor
        self._resolver = resolver
        self._fetches = DeferredSemaphore(MOST_FETCHES)
        self._fetcher: Fetcher
        self._port = 443

    def reconfigure(self, port: int, peers: PeerTLS, allow_loopback: bool) -> None:
        """Fetch from `port` from now on. `peers` has the authorities that may issue certificates.
        Policy hosts at loopback addresses are asked only with `allow_loopback`."""
        self._port = port

        def may_try(address: str) -> bool:
            found = ip_address(address)
            return found.is_global or (allow_loopback and found.is_loopback)

        self._fetcher = Fetcher(
            self._reactor,
            self._resolver,
            FETCH_SECONDS,
            LARGEST_POLICY,
            may_try,
            peers,
        )

    async def id_of(self, domain: str) -> PolicyId:
        """Return the id of the policy of a domain."""
        return await run_lookups(find_id(domain), self._resolver, self._reactor, DNS_SECONDS)

    async def fetch(self, domain: str) -> STSPolicy:
        """Return the policy of a domain. Raises PolicyUnavailable."""
        url = policy_url(domain, self._port)
        await self._fetches.acquire()
        try:
            reply = await self._fetcher.fetch(url)
            return policy_in_reply(reply.status, reply.media_type, reply.body)
        except FetchFailed as failed:
            kind = TLSFailure.STS_WEBPKI if failed.certificate else TLSFailure.STS_FETCH
            raise PolicyUnavailable(kind, f"{url}: {failed}") from failed
        except BadPolicy as bad:
            raise PolicyUnavailable(TLSFailure.STS_INVALID, f"{url}: {bad}") from bad
        finally:
            self._fetches.release()
