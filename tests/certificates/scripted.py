"""A directory of ACME in memory, which fails as a test wants it to. Requests come by an adapter of
`requests`, so that all but the network is real: signatures, nonces, JSON.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import requests
from acme import jws
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from josepy.b64 import b64decode
from josepy.jwk import JWK, JWKOct
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPResponse

from mailhost.certificates.keys import certificate_id

DAY = timedelta(days=1)
URL = "https://ca.example"
DIRECTORY = f"{URL}/directory"
KINDS = ("http-01", "tls-alpn-01", "dns-01")
Look = Callable[[str, str, str], str | None]
"""Returns the key authorization that a name shows, for the kind of challenge and the token."""


@dataclass
class Reply:
    """A reply of the directory."""

    status: int = 200
    body: Any = None
    header: dict[str, str] = field(default_factory=dict)


def problem(kind: str, detail: str = "", status: int = 403, **more: Any) -> Reply:
    """An error of ACME; `wait` is its Retry-After."""
    header = {"Content-Type": "application/problem+json"}
    if "wait" in more:
        header["Retry-After"] = str(more.pop("wait"))
    body = {"type": f"urn:ietf:params:acme:error:{kind}", "detail": detail, **more}
    return Reply(status, body, header)


class ScriptedDirectory(BaseAdapter):
    """`now` gives seconds since 1970. `errors` has the next replies for a resource, such as
    "order"; `failing` the problems of names that fail; `windows` the renewal windows of
    certificates in seconds since 1970, by id, None for a directory without them."""

    def __init__(self, now: Callable[[], float], look: Look, url: str = URL) -> None:
        super().__init__()
        self.url = url
        self._now = now
        self._look = look
        self.life = 90 * DAY
        self.bad_nonces = 0
        self.ari_wait = "21600"
        self.windows: dict[str, tuple[float, float]] | None = None
        self.polls = 1  # until a challenge or an order is decided
        self.eab: dict[str, str] = {}
        self.errors: dict[str, list[Reply]] = {}
        self.failing: dict[str, Mapping[str, Any]] = {}
        self.unreachable = False
        self.asked: list[str] = []
        self.orders: list[Any] = []
        self.accounts: dict[str, Any] = {}
        self.issued: list[x509.Certificate] = []
        self._objects: dict[str, Any] = {}
        self._nonces: set[str] = set()
        self._numbers = count(1)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.stolen_key: Any = None  # the next certificate is for this key

    @property
    def directory(self) -> str:
        """The URL of the directory."""
        return f"{self.url}/directory"

    # --- the adapter -----------------------------------------------------------------------------

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        """See BaseAdapter."""
        if self.unreachable:
            raise requests.ConnectionError("connection refused")
        assert request.url is not None
        path = request.url.removeprefix(self.url).strip("/")
        word = path.partition("/")[0]
        self.asked.append(path)
        waiting = self.errors.get(word, [])
        reply = waiting.pop(0) if waiting else self._reply(word, path, request)
        return self._response(request, reply)

    def close(self) -> None:
        """See BaseAdapter."""

    def _response(self, request: requests.PreparedRequest, reply: Reply) -> requests.Response:
        nonce = f"nonce{next(self._numbers):07}"
        self._nonces.add(nonce)
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        response = requests.Response()
        response.status_code, response.url, response.request = (
            reply.status,
            str(request.url),
            request,
        )
        response.reason = "Some Reason"
        header = {"Content-Type": "application/json", "Replay-Nonce": nonce, **reply.header}
        response.headers = CaseInsensitiveDict(header)
        response.raw = HTTPResponse(io.BytesIO(body), preload_content=False)
        return response

    # --- the server ------------------------------------------------------------------------------

    def _reply(self, word: str, path: str, request: requests.PreparedRequest) -> Reply:
        if word == "directory":
            return Reply(200, self._directory())
        if word == "nonce":
            return Reply(200, {})
        if word == "ari":
            return self._window(path.partition("/")[2])
        signed = jws.JWS.json_loads(str(request.body))
        header = signed.signature.combined
        if header.nonce is None or self._nonce(header.nonce) not in self._nonces or self.bad_nonces:
            self.bad_nonces = max(self.bad_nonces - 1, 0)
            return problem("badNonce", "the nonce is not known", 400)
        self._nonces.discard(self._nonce(header.nonce))
        assert header.url == request.url, (header.url, request.url)
        payload = json.loads(signed.payload) if signed.payload else None
        if word == "account":
            return self._register(signed, payload)
        account = self.accounts.get(str(header.kid))
        if account is None:
            return problem("accountDoesNotExist", "there is no such account", 400)
        assert signed.verify(account["key"]), "the signature is wrong"
        return self._signed(word, path, payload)

    def _nonce(self, octets: bytes) -> str:
        from josepy.b64 import b64encode

        return b64encode(octets).decode()

    def _signed(self, word: str, path: str, payload: Any) -> Reply:
        if word == "acct":
            self.accounts[f"{self.url}/{path}"]["contact"] = payload["contact"]
            return Reply(200, {"status": "valid", "contact": payload["contact"]})
        if word == "order":
            return self._order(payload)
        if word == "authz":
            return self._authorization(path)
        if word == "chall":
            self._objects[path]["begun"] = True
            up = f"<{self.url}/{self._objects[path]['authz']}>;rel=up"
            return Reply(200, self._challenge(path), {"Link": up})
        if word == "finalize":
            return self._finalize(path.replace("finalize", "state"), payload)
        if word == "state":
            return self._state(path)
        return Reply(
            200, self._objects[path], {"Content-Type": "application/pem-certificate-chain"}
        )

    def _directory(self) -> dict[str, Any]:
        names = {"newNonce": "nonce", "newAccount": "account", "newOrder": "order"}
        found: dict[str, Any] = {name: f"{self.url}/{path}" for name, path in names.items()}
        if self.windows is not None:
            found["renewalInfo"] = f"{self.url}/ari"
        caa = {"caaIdentities": ["ca.example", "other.example"]}
        return found | {"meta": {"externalAccountRequired": bool(self.eab), **caa}}

    def _window(self, identifier: str) -> Reply:
        assert self.windows is not None
        if identifier not in self.windows:
            return problem("malformed", "no such certificate", 404)
        start, end = (
            datetime.fromtimestamp(each, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            for each in self.windows[identifier]
        )
        body = {"suggestedWindow": {"start": start, "end": end}, "explanationURL": f"{URL}/why"}
        return Reply(200, body, {"Retry-After": self.ari_wait})

    def _register(self, signed: Any, payload: Any) -> Reply:
        key = signed.signature.combined.jwk
        assert signed.verify(key), "the signature is wrong"
        assert payload["termsOfServiceAgreed"] is True
        if self.eab:
            bound = jws.JWS.from_json(payload["externalAccountBinding"])
            secret = self.eab.get(str(bound.signature.combined.kid), "")
            if not secret or not bound.verify(JWKOct(key=b64decode(secret))):
                return problem("unauthorized", "the external account is not known", 401)
            assert JWK.from_json(json.loads(bound.payload)) == key
        for url, account in self.accounts.items():
            if account["key"] == key:
                return Reply(200, {"status": "valid"}, {"Location": url})
        url = f"{self.url}/acct/{next(self._numbers)}"
        self.accounts[url] = {"key": key, "contact": payload.get("contact", [])}
        return Reply(201, {"status": "valid"}, {"Location": url})

    def _order(self, payload: Any) -> Reply:
        names = [each["value"] for each in payload["identifiers"]]
        self.orders.append(payload | {"names": names})
        for name in names:
            if f"*.{name.partition('.')[2]}" in {*names} - {name}:
                text = f"{name} is redundant with a wildcard in the same request"
                return problem("malformed", text, 400)
        number = next(self._numbers)
        authorizations = [self._new_authorization(name) for name in names]
        self._objects[f"state/{number}"] = {"names": names, "authz": authorizations, "polls": 0}
        body = self._state(f"state/{number}").body
        return Reply(201, body, {"Location": f"{self.url}/state/{number}"})

    def _new_authorization(self, name: str) -> str:
        path = f"authz/{next(self._numbers)}"
        challenges = []
        for kind in KINDS if not name.startswith("*.") else ("dns-01",):
            number = next(self._numbers)
            at = f"chall/{number}"
            token = f"token{number:059}"
            self._objects[at] = {"kind": kind, "token": token, "authz": path, "begun": False}
            challenges.append(at)
        self._objects[path] = {"name": name, "challenges": challenges, "polls": 0}
        return path

    def _challenge(self, path: str) -> dict[str, Any]:
        found = self._objects[path]
        body = {"type": found["kind"], "url": f"{self.url}/{path}", "token": found["token"]}
        return {**body, "status": found.get("status", "pending"), **found.get("error", {})}

    def _authorization(self, path: str) -> Reply:
        found = self._objects[path]
        begun = [at for at in found["challenges"] if self._objects[at]["begun"]]
        if begun:
            found["polls"] += 1
            if found["polls"] >= self.polls:
                self._decide(found, begun[0])
        body = {
            "identifier": {"type": "dns", "value": found["name"].removeprefix("*.")},
            "status": found.get("status", "pending"),
            "challenges": list(map(self._challenge, found["challenges"])),
        }
        if found["name"].startswith("*."):
            body["wildcard"] = True
        return Reply(200, body)

    def _decide(self, found: Any, at: str) -> None:
        if found.get("status"):
            return
        challenge, name = self._objects[at], found["name"]
        shown = self._look(challenge["kind"], name.removeprefix("*."), challenge["token"])
        fault = self.failing.get(f"{name} {challenge['kind']}") or self.failing.get(name)
        if fault is None and not str(shown).startswith(challenge["token"]):
            fault = problem("unauthorized", f"{name} shows {shown}").body
        found["status"] = challenge["status"] = "invalid" if fault else "valid"
        challenge["error"] = {"error": fault} if fault else {}

    def _state(self, path: str) -> Reply:
        found = self._objects[path]
        states = [self._objects[each].get("status", "pending") for each in found["authz"]]
        status = "ready" if set(states) == {"valid"} else "pending"
        if "invalid" in states:
            status = "invalid"
        header = {}
        if "csr" in found:
            found["polls"] += 1
            status = "valid" if found["polls"] > self.polls else "processing"
            header = {"Retry-After": "3"}
        body: dict[str, Any] = {
            "status": status,
            "authorizations": [f"{self.url}/{each}" for each in found["authz"]],
            "finalize": f"{self.url}/{path.replace('state', 'finalize')}",
        }
        if status == "valid":
            body["certificate"] = f"{self.url}/{path.replace('state', 'cert')}"
        return Reply(200, body, header)

    def _finalize(self, path: str, payload: Any) -> Reply:
        found = self._objects[path]
        found["csr"] = x509.load_der_x509_csr(b64decode(payload["csr"]))
        alternatives = found["csr"].extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = alternatives.value.get_values_for_type(x509.DNSName)
        assert sorted(names) == sorted(found["names"])
        self._objects[path.replace("state", "cert")] = self._issue(found["csr"], alternatives.value)
        return self._state(path)

    def _issue(self, request: x509.CertificateSigningRequest, names: Any) -> bytes:
        now = datetime.fromtimestamp(self._now(), UTC)
        key = self.stolen_key or request.public_key()
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Scripted CA")]))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(now + self.life)
            .add_extension(names, critical=False)
            .add_extension(issuer, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.issued.append(certificate)
        if self.windows is not None:
            end = certificate.not_valid_after_utc.timestamp()
            self.windows[certificate_id(certificate)] = (end - 30 * 86400, end - 29 * 86400)
        return certificate.public_bytes(Encoding.PEM)
