"""The answers to challenges that are under way, for the listeners to which authorities connect.

Only the head of a host has such a table: the listeners of http and https are in the head alone.
"""

from __future__ import annotations

from zope.interface import implementer

from mailhost.interfaces.challenges import IHTTPChallenges, ITLSChallenges


@implementer(IHTTPChallenges, ITLSChallenges)
class ChallengeAnswers:
    """Empty as long as no order is under way."""

    def __init__(self) -> None:
        self._http: dict[str, bytes] = {}
        self._tls: dict[str, tuple[bytes, bytes]] = {}

    def key_authorization(self, token: str) -> bytes | None:
        return self._http.get(token)

    def certificate_for(self, server_name: str) -> tuple[bytes, bytes] | None:
        return self._tls.get(server_name.lower())

    def put_http(self, token: str, body: bytes) -> None:
        """Answer http-01 (RFC 8555 §8.3)."""
        self._http[token] = body

    def put_tls(self, name: str, chain: bytes, key: bytes) -> None:
        """Answer tls-alpn-01 (RFC 8737 §3) with a certificate and its key in PEM."""
        self._tls[name.lower()] = (chain, key)

    def remove_http(self, token: str) -> None:
        """Forget an answer."""
        self._http.pop(token, None)

    def remove_tls(self, name: str) -> None:
        """Forget an answer."""
        self._tls.pop(name.lower(), None)
