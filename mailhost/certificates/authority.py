"""A certificate authority over HTTPS, by the `acme` library (RFC 8555, RFC 9773).

Each method is one step of the protocol and blocks, so it is called in a thread. Waiting between two
steps is for the caller: so an order that is under way ends at once when the host stops. The library
signs the requests and reads the replies. Added here are:

- more than one further attempt after `badNonce`, as a busy authority may refuse several in a row;
- the Retry-After of errors, which the library drops;
- `replaces` in orders (RFC 9773 §5);
- bounds for the size and the time of a reply.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import wraps
from typing import Any, Concatenate, NoReturn, ParamSpec, TypeVar, cast

import requests
from acme import errors, messages
from acme.client import ClientNetwork, ClientV2
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from josepy.b64 import b64encode
from josepy.errors import Error as JoseError
from josepy.interfaces import JSONDeSerializable
from josepy.json_util import field
from josepy.jwa import ES256
from josepy.jwk import JWK, JWKEC
from requests.adapters import BaseAdapter
from zope.interface import implementer

from mailhost import __version__
from mailhost.certificates import tls_alpn
from mailhost.certificates.values import (
    UNREACHABLE,
    Account,
    AccountWanted,
    AuthorityError,
    Authorization,
    Challenge,
    IAuthority,
    Order,
    Problem,
    Window,
)

TIMEOUT = 30  # seconds without a byte of the reply
NONCE_ATTEMPTS = 12  # requests that are signed anew after badNonce
LARGEST_REPLY = 1_000_000  # octets
LONGEST_DETAIL = 500  # characters of an error that are kept
LONGEST_WAIT = 7 * 86_400.0  # seconds of a Retry-After that are believed
ARI_WAIT = 6 * 3600.0  # seconds until the next question where there is no Retry-After

P = ParamSpec("P")
R = TypeVar("R")


class _TooLarge(requests.RequestException):
    """A reply with more than LARGEST_REPLY octets."""


class _OnlyHTTPS(BaseAdapter):
    """Refuses URLs and redirects without TLS, which RFC 8555 §6.1 requires."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> NoReturn:
        text = f"the authority names {request.url}, which is not an https URL"
        raise requests.RequestException(text)

    def close(self) -> None:
        """See BaseAdapter."""


class _NewOrder(messages.NewOrder):
    """An order that says which certificate it renews."""

    replaces: str | None = field("replaces", omitempty=True)


class _Network(ClientNetwork):
    """Sends the requests. `adapter` replaces the network, for tests."""

    def __init__(self, key: JWK | None, ca_file: str, adapter: BaseAdapter | None) -> None:
        agent = f"mailhost/{__version__}"
        super().__init__(key, alg=ES256, user_agent=agent, timeout=TIMEOUT)
        if ca_file:
            self.verify_ssl = cast(bool, ca_file)  # requests takes a path too
        self.session.mount("http://", _OnlyHTTPS())
        if adapter is not None:
            self.session.mount("https://", adapter)
        self.session.hooks["response"].append(_bound_body)
        self.retry_after = ""  # of the last reply

    def _send_request(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs["stream"] = True  # the body is read by `_bound_body`
        response = super()._send_request(method, url, *args, **kwargs)
        self.retry_after = response.headers.get("Retry-After", "")
        return response

    def post(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a signed request, with a new nonce as often as needed (RFC 8555 §6.5)."""
        for _ in range(NONCE_ATTEMPTS - 1):
            try:
                return self._post_once(*args, **kwargs)
            except messages.Error as error:
                if error.code != "badNonce":
                    raise
        return self._post_once(*args, **kwargs)


def _bound_body(response: requests.Response, *args: object, **kwargs: object) -> None:
    """Read the body of a reply, and no more than a bounded number of octets."""
    parts, size = [], 0
    for part in response.iter_content(65_536):
        size += len(part)
        if size > LARGEST_REPLY:
            response.close()
            raise _TooLarge(f"a reply has more than {LARGEST_REPLY} octets")
        parts.append(part)
    response._content = b"".join(parts)  # as `response.content` does, which has no bound


def _translated(
    method: Callable[Concatenate[Authority, P], R],
) -> Callable[Concatenate[Authority, P], R]:
    """Return a method that raises AuthorityError in place of the errors of the library."""

    @wraps(method)
    def call(self: Authority, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(self, *args, **kwargs)
        except messages.Error as error:
            raise AuthorityError(_problem(error), self.wait()) from error
        except requests.RequestException as error:
            raise AuthorityError(Problem(UNREACHABLE, _network_text(error))) from error
        except errors.ClientError as error:
            raise AuthorityError(Problem(UNREACHABLE, _client_text(error)), self.wait()) from error
        except (errors.Error, JoseError, ValueError, KeyError, AttributeError) as error:
            text = f"the reply is not that of an ACME server: {type(error).__name__} {error}"
            raise AuthorityError(Problem(UNREACHABLE, text[:LONGEST_DETAIL])) from error

    return cast("Callable[Concatenate[Authority, P], R]", call)


@implementer(IAuthority)
class Authority:
    """`wanted` is the account as the settings have it."""

    def __init__(self, wanted: AccountWanted, adapter: BaseAdapter | None = None) -> None:
        self._wanted = wanted
        self._adapter = adapter
        self._client: ClientV2 | None = None
        self._network: _Network | None = None

    def wait(self) -> float:
        """Return the seconds of the Retry-After in the last reply."""
        return seconds_of(self._network.retry_after) if self._network else 0.0

    @_translated
    def open(self, account: Account) -> Account:
        jwk = JWKEC(key=load_pem_private_key(account.key, None))
        self._connect(jwk)
        contact = tuple(f"mailto:{each}" for each in self._wanted.contact)
        if not account.url:
            url = self._register(contact, jwk)
        else:
            url = account.url
            body = messages.Registration(contact=contact)
            self._the_network.account = messages.RegistrationResource(body=body, uri=url)
            if account.contact != contact:
                self._post(url, messages.UpdateRegistration(contact=contact))
        caa = getattr(self._the_client.directory.meta, "caa_identities", None) or ()
        return Account(self._wanted.directory, account.key, url, contact, tuple(map(str, caa)))

    def _connect(self, key: JWK | None) -> None:
        """Read the directory."""
        self._network = _Network(key, self._wanted.ca_file, self._adapter)
        directory = ClientV2.get_directory(self._wanted.directory, self._network)
        self._client = ClientV2(directory, self._network)

    def _register(self, contact: Sequence[str], jwk: JWK) -> str:
        """Make the account, or find the one that a former attempt made with this key."""
        client = self._the_client
        new = messages.NewRegistration(
            contact=tuple(contact),
            terms_of_service_agreed=True,
            external_account_binding=self._binding(client.directory, jwk),
        )
        try:
            return str(client.new_account(new).uri)
        except errors.ConflictError as known:
            url = str(known.location)
            self._the_network.account = messages.RegistrationResource(body=new, uri=url)
            return url

    def _binding(self, directory: messages.Directory, jwk: JWK) -> dict[str, Any] | None:
        wanted = self._wanted
        if not wanted.eab_id:
            if getattr(directory.meta, "external_account_required", False):
                text = "the authority takes only accounts that are tied to one it gave otherwise"
                raise AuthorityError(Problem("externalAccountRequired", text))
            return None
        return messages.ExternalAccountBinding.from_data(
            jwk.public_key(), wanted.eab_id, wanted.eab_key, directory
        )

    def key_authorization(self, token: str) -> str:
        key = self._the_network.key
        assert key is not None
        return f"{token}.{b64encode(key.thumbprint()).decode()}"

    @_translated
    def order(self, names: Sequence[str], replaces: str) -> Order:
        identifiers = [
            messages.Identifier(typ=messages.IDENTIFIER_FQDN, value=name) for name in names
        ]
        knows_ari = "renewalInfo" in self._the_client.directory.to_partial_json()
        body = _NewOrder(identifiers=identifiers, replaces=replaces if knows_ari else "")
        url = self._the_client.directory["newOrder"]
        try:
            reply = self._post(url, body)
        except (errors.ConflictError, messages.Error) as error:
            if not body.replaces or not _is_about_replaces(error):
                raise
            reply = self._post(url, body.update(replaces=""))
        return self._order(reply, reply.headers["Location"])

    @_translated
    def authorization(self, url: str) -> Authorization:
        reply = self._post(url, None)
        body = messages.Authorization.from_json(reply.json())
        return Authorization(
            url,
            str(body.identifier.value),
            _text(body.status),
            tuple(map(_challenge, body.challenges)),
            bool(body.wildcard),
            self.wait(),
        )

    @_translated
    def answer(self, challenge: Challenge) -> None:
        self._post(challenge.url, _empty_response())

    @_translated
    def finalize(self, order: Order, csr: bytes) -> Order:
        request = messages.CertificateRequest(csr=x509.load_pem_x509_csr(csr))
        return self._order(self._post(order.finalize, request), order.url)

    @_translated
    def state(self, order: Order) -> Order:
        return self._order(self._post(order.url, None), order.url)

    @_translated
    def chain(self, url: str) -> bytes:
        return self._post(url, None).content

    @_translated
    def window(self, certificate_id: str) -> Window | None:
        if self._client is None:
            self._connect(None)  # nothing is signed
        base = self._the_client.directory.to_partial_json().get("renewalInfo")
        if not base:
            return None
        reply = self._the_network.get(f"{base}/{certificate_id}")
        fields = reply.json()
        suggested = messages.RenewalInfo.from_json(fields).suggested_window
        if suggested.end <= suggested.start:
            raise ValueError("the suggested window is empty")
        explanation = str(fields.get("explanationURL", ""))[:LONGEST_DETAIL]
        return Window(suggested.start, suggested.end, self.wait() or ARI_WAIT, explanation)

    @property
    def _the_client(self) -> ClientV2:
        assert self._client is not None  # `open` comes first
        return self._client

    @property
    def _the_network(self) -> _Network:
        assert self._network is not None  # `open` comes first
        return self._network

    def _post(self, url: str, body: JSONDeSerializable | None) -> requests.Response:
        nonces = self._the_client.directory["newNonce"]
        return self._the_network.post(url, body, new_nonce_url=nonces)

    def _order(self, reply: requests.Response, url: str) -> Order:
        body = messages.Order.from_json(reply.json())
        return Order(
            url,
            _text(body.status),
            tuple(body.authorizations or ()),
            body.finalize or "",
            body.certificate or "",
            _problem(body.error) if body.error else None,
            self.wait(),
        )


def _empty_response() -> JSONDeSerializable:
    """Return the response to a challenge: an object without members (RFC 8555 §7.5.1)."""
    return tls_alpn.TLSALPN01Response(key_authorization="")


def _challenge(body: messages.ChallengeBody) -> Challenge:
    fields: Mapping[str, Any] = body.chall.to_json()
    problem = _problem(body.error) if body.error else None
    return Challenge(fields.get("type", ""), body.uri, fields.get("token", ""), problem)


def _problem(error: messages.Error) -> Problem:
    kind = str(error.typ).rpartition(":")[2]
    name = error.identifier.value if error.identifier else ""
    parts = tuple(map(_problem, error.subproblems or ()))
    detail = str(error.detail or error.title or "")[:LONGEST_DETAIL]
    return Problem(kind, detail, str(name), parts)


def _is_about_replaces(error: Exception) -> bool:
    """True if an order was refused because of the certificate that it renews (RFC 9773 §5): it was
    renewed already, or the authority does not know it."""
    if isinstance(error, errors.ConflictError):  # how the library raises 409
        return True
    text = f"{getattr(error, 'typ', '')} {getattr(error, 'detail', '')}".lower()
    return "alreadyreplaced" in text or "replaces" in text


def _text(status: object) -> str:
    return str(getattr(status, "name", status or ""))


def _network_text(error: requests.RequestException) -> str:
    """Return the cause of a failed request; the library wraps it several times."""
    cause: object = error
    while True:
        inner = getattr(cause, "reason", None) or next(
            (each for each in getattr(cause, "args", ()) if isinstance(each, Exception)), None
        )
        if not isinstance(inner, Exception) or inner is cause:
            return f"{type(error).__name__}: {cause}"[:LONGEST_DETAIL]
        cause = inner


def _client_text(error: errors.ClientError) -> str:
    reply = error.args[0] if error.args else None
    if isinstance(reply, requests.Response):
        return f"HTTP {reply.status_code} {reply.reason} from {reply.url}"[:LONGEST_DETAIL]
    return str(error)[:LONGEST_DETAIL]


def seconds_of(retry_after: str) -> float:
    """Return the seconds of a Retry-After (RFC 9110 §10.2.3), 0 for none or a wrong one."""
    try:
        seconds = float(int(retry_after))
    except ValueError:
        try:
            when = parsedate_to_datetime(retry_after)
        except (ValueError, TypeError, IndexError):
            return 0.0
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        seconds = (when - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), LONGEST_WAIT)
