"""A reload leaves each process as a start with the new settings would: for every single setting."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from enum import Enum
from functools import partial
from types import FunctionType, MethodType, SimpleNamespace
from typing import Any, cast

from pydantic import BaseModel
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailhost.application import worker as worker_module
from mailhost.application.head import Head
from mailhost.application.protocols import make_factory, serve
from mailhost.application.worker import Worker
from mailhost.config.changes import AT_NEXT_START
from mailhost.config.explain import kinds
from mailhost.config.load import Loaded, load
from mailhost.config.model import Settings
from mailhost.config.protocol import ListenProtocol
from mailhost.config.section import Section
from mailhost.interfaces.outgoing import OutgoingMessage
from mailhost.logins import verifier
from mailhost.message.envelope import Envelope
from mailhost.net.limited import LimitedFactory
from mailhost.observe.lag import Lag
from mailhost.workers.connection_counts import new_counts
from mailhost.workers.pool import StartupData
from tests.application.test_filters import LEAST
from tests.fakes import RecordingEvents, address, now

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BASE = """
version = 1
hostname = "mx.example.org"
data = "{data}"
admin = "ann@example.org"

[tls]
[tls.acme]
agree = true
[limits]
[login]
[imap]
[dns]
[queue]
[delivery]
[store]
[dmarc]
[tls_reports]
[dkim]
[mta_sts]
[web]
[doctor]
[trace]
[relay]
[relay.tls]

[[relay.route]]
via = "127.0.0.1:2526"

{listeners}
[domain."example.org"]
[domain."example.org".account.ann]
[domain."example.org".alias]
team = ["ann@example.org"]
"""
LISTENER = """
[[listen]]
protocol = "{}"
endpoint = "tcp:0"
"""
# One line of TOML for each setting that has no obvious other value: text, lists and tables.
OTHERS = {
    "hostname": '"other.example.org"',
    "admin": '"team@example.org"',
    "tls.certificate": None,  # read from files, see CertificateTests
    "tls.acme.agree": "false",
    "tls.acme.contact": '["ann@example.org"]',
    "tls.acme.directory": '"staging"',
    "tls.acme.try_first": '"staging"',
    "tls.acme.challenges": '["http-01"]',
    "tls.acme.names": '["imap.example.org"]',
    "tls.acme.ca_file": None,  # must be a file with certificates
    "tls.acme.external_account": None,  # not without a secret
    "tls.acme.dns_command": '"/bin/true"',
    "tls.acme.nsupdate": None,  # not without a file
    "login.gateways": '["192.0.2.0/24"]',
    "imap.disable": '{ "ann@example.org" = ["QRESYNC"] }',
    "dns.servers": '["192.0.2.53"]',
    "dns.addresses": '["192.0.2.1"]',
    "dns.spf": '["include:_spf.isp.example"]',
    "dns.spf_of": '{ "example.org" = ["include:_spf.isp.example"] }',
    "relay.networks": '["192.0.2.0/24"]',
    "delivery.junk": '"X-Spam"',
    "relay.arc": '["gmail.com"]',
    "relay.bind": '"127.0.0.9"',
    "relay.domain": '{ "other.example" = { hello = "mail.other.example" } }',
    "relay.route.from": '"example.org"',
    "relay.route.to": '"far.example"',
    "relay.route.via": '"127.0.0.1:2527"',
    "relay.route.user": None,  # not without a password
    "relay.route.password": None,
    "relay.tls.ca_file": None,  # read from a file, see tests.application.test_relay
    "doctor.shared_addresses": '["192.0.2.0/24"]',
    "dkim.algorithms": '["rsa"]',
    "dkim.sign_as": '{ "*.example.org" = "example.org" }',
    "dkim.domain": '{ "other.example" = { off = true } }',
    "doctor.port_25_hosts": '["mx.example.net"]',
    "web.trusted_proxies": '["127.0.0.1"]',
    "mta_sts.mx": '["*.example.net"]',
    "mta_sts.domain": '{ "other.example" = { mode = "none" } }',
    "domain.dkim": "{ off = true }",
    "domain.mta_sts": '{ mode = "none" }',
    "domain.sending": '{ address = "127.0.0.9" }',
    "domain.aliases": '["also.example.org"]',
    "domain.catch_all": '"ann@example.org"',
    "domain.account": "{ ann = {}, bob = {} }",
    "domain.dmarc_reports": '"dmarc@example.org"',
    "domain.tls_reports": '"tls@example.org"',
    "tls_reports.organization": '"Example"',
    "tls_reports.contact": '"ann@example.org"',
    "tls_reports.addresses": '{ "example.net" = "tls@example.org" }',
    "dmarc.send_reports": None,  # warns without a filter
    "dmarc.reports": '{ "example.net" = "dmarc@example.org" }',
    "metrics.endpoint": None,  # off without its section
    "domain.alias": '{ team = ["bob@far.example"] }',
}
"""Keys with None are shown by tests of their own below."""
SAME = (int, float, str, bytes, bool, type(None), Enum)
# attributes that no setting decides: random values, numbers of the process, times, the reactor
OWN = {
    "_key",
    "fd",
    "_table",
    "_own",
    "row",
    "_log",
    "log",
    "born",
    "_reactor",
    "reactor",
    "clock",
    "_checked_at",
    "_forgotten",
    "_newest",
    "_system",
    "_nobody",
    "_made",
    "_token",
    "epoch",
    "port",
}


def observable(value: Any, seen: dict[int, Any] | None = None) -> Any:
    """Return what can be compared of a service: its values and those of all that it uses.

    `seen` has what each frozen value came to, and the services that were met before.
    """
    seen = {} if seen is None else seen
    if isinstance(value, (*SAME, type, BaseModel)):  # settings are equal where their values are
        return value
    walk = partial(observable, seen=seen)
    if is_dataclass(value) and getattr(value, "__dataclass_params__").frozen:  # noqa: B009 - untyped
        if id(value) not in seen:
            found = {name: walk(each) for name, each in fields(value)}
            seen[id(value)] = {"": type(value).__name__} | found
        return seen[id(value)]
    if type(value).__module__.startswith("mailhost") or isinstance(value, FunctionType):
        if id(value) in seen:
            return f"again {type(value).__name__}"
        seen[id(value)] = ""
    if isinstance(value, Mapping):
        return {str(key): walk(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [walk(each) for each in value]
    if isinstance(value, set | frozenset):
        return sorted(map(repr, value))
    if isinstance(value, MethodType):
        return [value.__name__, walk(value.__self__)]
    if isinstance(value, partial):
        return [walk(value.func), walk(value.args), walk(value.keywords)]
    if isinstance(value, FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        return [value.__qualname__, walk(cells)]
    if type(value).__module__.startswith("mailhost"):
        return {"": type(value).__name__} | {name: walk(each) for name, each in fields(value)}
    if type(value).__module__ == "ipaddress":
        return str(value)
    return type(value).__name__


def differences(fresh: Any, reloaded: Any, place: str = "") -> Iterator[str]:
    """Yield what differs, each with its place."""
    if isinstance(fresh, dict) and isinstance(reloaded, dict):
        for name in {**fresh, **reloaded}:
            yield from differences(fresh.get(name), reloaded.get(name), f"{place}.{name}")
    elif isinstance(fresh, list) and isinstance(reloaded, list) and len(fresh) == len(reloaded):
        for number, pair in enumerate(zip(fresh, reloaded, strict=True)):
            yield from differences(*pair, f"{place}[{number}]")
    elif fresh != reloaded:
        yield f"{place}: {fresh!r:.300} after a start, {reloaded!r:.300} after a reload"


def fields(value: object) -> Iterator[tuple[str, Any]]:
    """Yield the attributes of an object."""
    names = set(getattr(value, "__dict__", ()))
    for kind in type(value).__mro__:
        names.update(getattr(kind, "__slots__", ()))
    for name in sorted(names - OWN):
        if hasattr(value, name):
            yield name, getattr(value, name)


def keys(section: type[Section], place: str = "") -> Iterator[tuple[str, type[Section], str]]:
    """Yield each setting below a table: its key, its table, the name of its field there."""
    for name, field in section.model_fields.items():
        key = f"{place}{field.alias or name}"
        tables = [each for each in sections(field.annotation) if each is not section]
        if key in ("listen", "filter") or not tables or key in OTHERS:
            yield key, section, name
        for table in tables if key not in ("listen", "filter", *AT_NEXT_START) else ():
            if key not in OTHERS:
                yield from keys(table, f"{key}.")


def sections(annotation: Any) -> list[type[Section]]:
    """Return the tables that a field may hold."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [found for part in getattr(annotation, "__args__", ()) for found in sections(part)]


def other(value: Any) -> str:
    """Return another value than a default, as TOML."""
    if isinstance(value, bool):
        return str(not value).lower()
    if isinstance(value, int | float):
        return str(value + 1)
    if isinstance(value, Enum):
        members: list[Any] = list(type(value))
        return f'"{next(each for each in members if each is not value).value}"'
    raise AssertionError(f"{value!r}: give this setting another value in OTHERS")


def made_by(factory: Any) -> Any:
    """Return what makes the sessions of a listener, or the site of a web listener."""
    return factory.wrappedFactory if isinstance(factory, LimitedFactory) else factory.machine_of


class EverySettingTests(SynchronousTestCase):
    """`before` is the state of a start with the settings `old`, and those."""

    before: tuple[Loaded, dict[str, Any]] | None = None

    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())
        os.makedirs(os.path.join(self.folder, "data"), mode=0o700)
        self.counts = new_counts(b"k" * 16)
        self.addCleanup(os.close, self.counts.fd)
        self.patch(verifier, "hash_password", lambda password: "")  # slow on purpose
        self.patch(worker_module, "SharedCounts", lambda fd, row, key: self.counts)
        self.text = BASE.format(
            data=os.path.join(self.folder, "data"),
            listeners="".join(
                LISTENER.format(each.value) for each in ListenProtocol if not each.proxied
            ),
        )
        self.old = self.load(self.text)

    def load(self, text: str) -> Loaded:
        """Read settings."""
        path = os.path.join(self.folder, "mailhost.toml")
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, 0o600)
        return load(path)

    def head(self, loaded: Loaded) -> Head:
        """The head of a host, as far as settings matter."""
        log = cast(Any, RecordingEvents())
        log.write_all = lambda lines: None
        head = Head(cast(Any, reactor), loaded, log, list)
        head._use(head._new_services(loaded))
        head.queue._attempts = head.queue._attempt_runner(head._queue_services())
        return head

    def worker(self, loaded: Loaded, head: Head) -> Worker:
        """A worker that serves all listeners."""
        startup = StartupData(1, b"k" * 16, loaded, head.foundation.tls.pem)
        worker = Worker(cast(Any, reactor), startup)
        worker._use(loaded, worker._new_services(loaded))
        self.hand_sockets(worker, loaded)
        return worker

    def hand_sockets(self, worker: Worker, loaded: Loaded) -> None:
        """Hand a worker the sockets that it does not have, as the head does."""
        for listen in loaded.settings.listen:
            if listen.socket not in worker._served:
                factory = make_factory(worker._foundation, listen)
                serve(factory, worker._services, listen)
                port = cast(Any, SimpleNamespace(stopListening=lambda: None))
                worker._served[listen.socket] = worker_module._Served(port, factory, listen)
                worker._factories.append((listen.protocol, factory))

    def state(self, head: Head, worker: Worker) -> dict[str, Any]:
        """The services of both, as values that can be compared."""
        makers = {
            f"{served.listen.protocol} {served.listen.endpoint}": made_by(served.factory)
            for served in worker._served.values()
        }
        parts: dict[str, Any] = {
            "guard": head.guard,
            "authenticator": head.authenticator,
            "relay": head.relay,
            "queue": head.queue,
            "head": head.services,
            "worker": worker._services,
            "sessions": makers,
            "certificates": head._hostname(),
        }
        found: dict[str, Any] = observable(parts)
        return found

    def check(self, new: Loaded) -> None:
        """A reload, and a start with the same settings, must come to the same."""
        self.assertNotEqual(
            (repr(self.old.settings), self.old.secrets), (repr(new.settings), new.secrets)
        )
        head = self.head(self.old)
        worker = self.worker(self.old, head)
        if self.before is None or self.before[0] is not self.old:
            self.before = self.old, self.state(head, worker)
        head.replace(new)
        worker._newest = (new, head.foundation.tls.pem)
        now(worker._reload())
        self.hand_sockets(worker, new)
        fresh_head = self.head(new)
        fresh = self.state(fresh_head, self.worker(new, fresh_head))
        reloaded = self.state(head, worker)
        self.assertNotEqual(self.before[1], reloaded, "nothing changed")
        if fresh != reloaded:
            self.fail("\n" + "\n".join(differences(fresh, reloaded)))

    def with_key(self, key: str, value: str) -> str:
        """The settings file with another value."""
        table, _, name = key.rpartition(".")
        head = {
            "": "version = 1\n",
            "relay.route": "[[relay.route]]\n",
            "domain": '[domain."example.org"]\n',
        }.get(table, f"[{table}]\n")
        lines = self.text.splitlines(keepends=True)
        start = lines.index(head)
        for at in range(start + 1, len(lines)):
            if lines[at].startswith("["):
                break
            if lines[at].startswith(f"{name} ="):
                del lines[at]
                break
        if name in ("account", "alias"):
            cut = self.text.index(f'[domain."example.org".{name}')
            rest = self.text[cut:].split("\n[", 1)
            text = self.text[:cut] + ("[" + rest[1] if len(rest) > 1 else "")
            return text.replace(head, f"{head}{name} = {value}\n")
        lines.insert(start + 1, f"{name} = {value}\n")
        return "".join(lines)

    def test_each_setting(self) -> None:
        for key, section, name in keys(Settings):
            top = key.split(".")[0]
            if top in AT_NEXT_START or key in ("version", "workers", "listen", "filter"):
                continue
            value = OTHERS[key] if key in OTHERS else other(section.model_fields[name].default)
            if value is not None:
                new = self.load(self.with_key(key, value))
                try:
                    self.check(new)
                except self.failureException as failed:
                    raise self.failureException(f"{key} = {value}: {failed}") from failed

    def test_metrics(self) -> None:
        """The lag of each process is measured while the section is there."""
        asked: list[bool] = []
        self.patch(Lag, "measure", lambda lag, on: asked.append(on))
        self.check(self.load(f"{self.text}\n[metrics]\n"))
        # head and worker before the reload, after it, and those that start with these settings
        self.assertEqual([False, False, True, True, True, True], asked)

    def test_a_route_with_a_login(self) -> None:
        secret = os.path.join(self.folder, "secret")
        with open(secret, "w") as file:
            file.write("hunter2")
        os.chmod(secret, 0o600)
        text = self.with_key("relay.route.user", f'"ann"\npassword = {{ file = "{secret}" }}')
        self.check(self.load(text))

    def test_listeners(self) -> None:
        for lines in (
            LISTENER.format("submission").replace("tcp:0", "tcp:1"),
            LISTENER.format("proxy") + 'upstream = ["tcp:127.0.0.1:2527"]\n',
            LISTENER.format("proxys") + 'upstream = ["tcp:127.0.0.1:2527"]\ntrace = false\n',
        ):
            self.check(self.load(self.text + lines))
        self.check(self.load(self.text.replace(LISTENER.format("pop3"), "")))

    def test_a_worker_has_closed_removed_listeners_when_it_answers(self) -> None:
        """Else the next reload could not open the port again."""
        head = self.head(self.old)
        worker = self.worker(self.old, head)
        closed: Deferred[None] = Deferred()
        (removed,) = (each for key, each in worker._served.items() if key[0] == "pop3")
        removed.port = cast(Any, SimpleNamespace(stopListening=lambda: closed))
        new = self.load(self.text.replace(LISTENER.format("pop3"), ""))
        worker._newest = (new, head.foundation.tls.pem)
        reloading = Deferred.fromCoroutine(worker._reload())
        self.assertNoResult(reloading)
        closed.callback(None)
        self.successResultOf(reloading)
        self.assertNotIn(removed.factory, [factory for _, factory in worker._factories])

    def test_filters(self) -> None:
        for kind in kinds():
            table = {"kind": kind, **LEAST[kind]}
            if kind == "python":
                table["file"] = os.path.join(ROOT, table["file"])
            lines = "".join(f"{name} = {written(value)}\n" for name, value in table.items())
            self.check(self.load(f"{self.text}\n[[filter]]\n{lines}"))
        lines = '\n[[filter]]\nkind = "size"\nlimit = 1\n'
        self.old = self.load(f"{self.text}{lines}")
        self.check(self.load(f"{self.text}{lines}".replace("version = 1", OBSERVE, 1)))

    def test_reports_to_other_domains(self) -> None:
        lines = '\n[[filter]]\nkind = "authenticity"\n'
        self.old = self.load(f"{self.text}{lines}")
        new = self.text.replace("[dmarc]", "[dmarc]\nsend_reports = true", 1)
        self.check(self.load(f"{new}{lines}"))

    def test_without_signing_no_header_is_read_for_it(self) -> None:
        head = self.head(self.load(self.with_key("dkim.sign", "false")))
        content = cast(Any, SimpleNamespace(in_memory=True))  # nothing of it can be read
        ann = address("ann@a.example")
        message = OutgoingMessage(Envelope(ann), content, ann, "id", completed=content)
        self.assertIs(content, now(head.services.outgoing.leave(message)))

    def test_what_the_queue_emits_is_counted(self) -> None:
        """Its transport, too, emits to the counts and not past them to the log."""
        head = self.head(self.old)
        attempts: Any = head.queue._attempts
        transport = attempts._attempts._transport
        delivery: Any = head.services.delivery
        for part in (head.queue, head.relay, transport, delivery):
            self.assertIs(head.events, part._events, part)

    def test_the_number_of_workers(self) -> None:
        """It is no matter of the services: the head starts more, or retires some."""
        new = self.load(self.with_key("workers", "3"))
        self.assertEqual(3, new.settings.workers)
        head = self.head(self.old)
        asked: list[int] = []
        head._sockets = lambda: [(0, self.old.settings.listen[0])]
        workers = {"assign": lambda work, count: asked.append(count), "stop_addresses": id}
        head.workers = cast(Any, SimpleNamespace(**workers))
        head.replace(new)
        head.assign_workers()
        self.assertEqual([], asked, "the queue has not been read")
        head._queue_was_read(None)
        self.assertEqual([2], asked)


OBSERVE = 'version = 1\nfilter_mode = "observe"'


def written(value: object) -> str:
    """Return a value as TOML."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f'"{key}" = {written(each)}' for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)
