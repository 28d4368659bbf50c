"""Answers to the challenges by which a certificate authority checks who has a name (RFC 8555)."""

from __future__ import annotations

from zope.interface import Interface


class IHTTPChallenges(Interface):
    """Answers to http-01 (RFC 8555 §8.3)."""

    def key_authorization(token: str) -> bytes | None:
        """Return the body for `/.well-known/acme-challenge/TOKEN`, None for an unknown token."""


class ITLSChallenges(Interface):
    """Answers to tls-alpn-01 (RFC 8737)."""

    def certificate_for(server_name: str) -> tuple[bytes, bytes] | None:
        """Return the certificate and its key in PEM for a client that offers `acme-tls/1`, None for
        a name that is not being checked."""
