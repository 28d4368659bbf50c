"""Verifies the chain of a certificate against the authorities that this machine trusts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509
from OpenSSL import SSL, crypto

_MOMENT = timedelta(seconds=1)


def is_self_signed(certificate: x509.Certificate) -> bool:
    """True if a certificate is its own issuer."""
    return certificate.issuer == certificate.subject


def chain_fault(
    chain: Sequence[x509.Certificate], now: datetime, store: crypto.X509Store | None = None
) -> str:
    """Return why a chain, own certificate first, does not lead to an authority in `store` (for
    None, those of the system); empty if it does. The dates of the first certificate do not matter.
    Blocks for the disk."""
    leaf, *others = map(crypto.X509.from_cryptography, chain)
    context = _system_context()  # its store is freed with it
    store = store or context.get_cert_store()
    assert store is not None  # each context has one
    store.set_time(_valid_time(chain[0], now))
    try:
        crypto.X509StoreContext(store, leaf, others).verify_certificate()
    except crypto.X509StoreContextError as error:
        issuer = chain[-1].issuer.rfc4514_string()
        return f"{error}; the last certificate in the file is issued by {issuer}"
    return ""


def _valid_time(certificate: x509.Certificate, now: datetime) -> datetime:
    """Return the moment next to `now` at which a certificate is valid."""
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return max(min(now, ends - _MOMENT), begins + _MOMENT)


def _system_context() -> SSL.Context:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_default_verify_paths()
    return context
