"""Checks the endpoint of `[metrics]` against the listeners, and whether strangers can reach it."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from mailhost.config.endpoint import Endpoint, parse_endpoint
from mailhost.config.metrics import DEFAULT_ENDPOINT
from mailhost.config.model import Settings
from mailhost.config.problems import Problem

KEY = "metrics.endpoint"
_KINDS = ("tcp", "tcp6", "systemd")


def check_metrics(settings: Settings) -> Iterator[Problem]:
    """Yield what keeps the endpoint from being used."""
    if settings.metrics is None:
        return
    endpoint = parse_endpoint(settings.metrics.endpoint)
    if endpoint.kind not in _KINDS or endpoint.proxied:
        text = f'is read over plain TCP; write an endpoint such as "{DEFAULT_ENDPOINT}"'
        yield Problem(KEY, text)
    for number, listen in enumerate(settings.listen):
        if endpoint.overlaps(parse_endpoint(listen.endpoint)):
            there = f"listen[{number + 1}], {listen.endpoint}"
            yield Problem(KEY, f"clashes with {there}; give it another port or interface")


def warn_of_metrics(settings: Settings) -> Iterator[Problem]:
    """Yield a warning about an endpoint that strangers may reach."""
    if settings.metrics is None:
        return
    endpoint = parse_endpoint(settings.metrics.endpoint)
    if endpoint.port is not None and _is_public(endpoint):
        yield Problem(
            KEY,
            "can be reached from other networks: the metrics and the names in certificates are "
            f'then public; write "{DEFAULT_ENDPOINT}", or a private address',
        )


def _is_public(endpoint: Endpoint) -> bool:
    try:
        address = ip_address(endpoint.interface)
    except ValueError:
        return False  # a name
    return address.is_unspecified or address.is_global
