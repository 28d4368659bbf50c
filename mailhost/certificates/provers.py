"""Answers to challenges by the web and TLS listeners, through a table; `dns_challenge` has DNS."""

from __future__ import annotations

from collections.abc import Awaitable

from twisted.internet.defer import succeed
from zope.interface import Interface, implementer

from mailhost.certificates.answers import ChallengeAnswers
from mailhost.concurrency.threads import InThread


class IProver(Interface):
    """Answers one kind of challenge."""

    def present(name: str, token: str, authorization: str) -> Awaitable[str]:
        """Answer a challenge from now on; `authorization` is the key authorization. Return an empty
        text, or why that failed. Raises nothing."""

    def visible(name: str, token: str, authorization: str) -> Awaitable[str]:
        """Wait until the authority can see the answer that was presented. Return an empty text, or
        why it cannot. Raises nothing."""

    def remove(name: str, token: str, authorization: str) -> Awaitable[None]:
        """Forget the answer, also one that could not be presented. Raises nothing."""


@implementer(IProver)
class HTTPProver:
    """http-01 (RFC 8555 §8.3)."""

    def __init__(self, answers: ChallengeAnswers) -> None:
        self._answers = answers

    def present(self, name: str, token: str, authorization: str) -> Awaitable[str]:
        self._answers.put_http(token, authorization.encode("ascii"))
        return succeed("")

    def visible(self, name: str, token: str, authorization: str) -> Awaitable[str]:
        return succeed("")

    def remove(self, name: str, token: str, authorization: str) -> Awaitable[None]:
        self._answers.remove_http(token)
        return succeed(None)


@implementer(IProver)
class TLSProver:
    """tls-alpn-01 (RFC 8737)."""

    def __init__(self, answers: ChallengeAnswers, in_thread: InThread) -> None:
        self._answers = answers
        self._in_thread = in_thread

    async def present(self, name: str, token: str, authorization: str) -> str:
        from mailhost.certificates.tls_alpn import answer

        chain, key = await self._in_thread(lambda: answer(name, authorization))
        self._answers.put_tls(name, chain, key)
        return ""

    def visible(self, name: str, token: str, authorization: str) -> Awaitable[str]:
        return succeed("")

    def remove(self, name: str, token: str, authorization: str) -> Awaitable[None]:
        self._answers.remove_tls(name)
        return succeed(None)
