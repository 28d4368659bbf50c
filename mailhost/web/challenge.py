"""`/.well-known/acme-challenge/TOKEN`: the answers to http-01 (RFC 8555 §8.3).

They are given for every name and by plain HTTP: the authority does not check the certificate that
is being renewed.
"""

from __future__ import annotations

import re

from mailhost.interfaces.challenges import IHTTPChallenges
from mailhost.web.hosts import WebHost
from mailhost.web.values import WebRequest, WebResponse, text_response

PATH = "/.well-known/acme-challenge/"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,256}")
_UNKNOWN = text_response(404, "This token of ACME is not known here.")


class ChallengePage:
    """`challenges` is None where the host asks no authority for certificates."""

    def __init__(self, challenges: IHTTPChallenges | None) -> None:
        self._challenges = challenges

    def __call__(self, request: WebRequest, host: WebHost | None) -> WebResponse:
        """Return the key authorization of the token in the path."""
        token = request.path.rpartition("/")[2]
        if self._challenges is None or not _TOKEN.fullmatch(token):
            return _UNKNOWN
        body = self._challenges.key_authorization(token)
        if body is None:
            return _UNKNOWN
        return WebResponse(200, body, "application/octet-stream")
