"""`mailhost explain`, against a host that answers what the test wants."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from mailhost.cli import asynchronous
from mailhost.cli.explain import NOT_RUNNING
from mailhost.cli.explain_text import explanation_lines
from mailhost.interfaces.route_steps import StepRule
from mailhost.net.control.client import control_path
from tests.cli.bench import CommandCase, fake_host


def step(address: str, rule: str, *targets: str, name: str = "") -> dict[str, Any]:
    return {"address": address, "rule": rule, "name": name or address, "targets": list(targets)}


FOUND: dict[str, Any] = {
    "listener": {
        "protocol": "submission",
        "endpoint": "tcp6:587:interface=\\:\\:",
        "address": "[::]:587",
        "rule": "clients must log in before they send, and may send to all domains",
        "message_size": 50_000_000,
    },
    "client": {
        "ip": "192.0.2.7",
        "hello": "[192.0.2.7]",
        "tls": True,
        "account": "ann@a.example",
        "login": "",
    },
    "relay": {"allowed": True, "reason": "it has logged in as ann@a.example"},
    "sender": {"allowed": False, "reason": "mail for bob@a.example does not reach ann@a.example"},
    "filters": [
        {"stage": "sender", "name": "rate", "mode": "observe", "answer": "pass", "reason": ""},
        {
            "stage": "recipient",
            "name": "milter",
            "mode": "enforce",
            "answer": "not asked",
            "reason": "its answer has effects\x1b[2J outside the host",
        },
    ],
    "session": [
        {"command": "", "reply": "220 mx.a.example ESMTP ready"},
        {"command": "EHLO [192.0.2.7]", "reply": "250-mx.a.example\n250-PIPELINING\n250 HELP"},
        {"command": "MAIL FROM:<ann@a.example>", "reply": "250 2.1.0 Sender OK"},
        {"command": "RCPT TO:<team@also.example>", "reply": "250 2.1.5 Recipient OK"},
    ],
    "recipient": "team@also.example",
    "way": {
        "steps": [
            step(
                "team@also.example",
                "alias",
                "ann@a.example",
                "sue@far.example",
                name="team@a.example",
            ),
            step("ann@a.example", "mailbox"),
            step("sue@far.example", "elsewhere"),
        ],
        "mailboxes": [{"account": "ann@a.example", "quota": 5_000_000, "fits": False}],
        "next_hops": [
            {
                "address": "sue@far.example",
                "route": "",
                "port": 25,
                "tls": "TLS where the host offers it; the certificate is not verified",
                "hosts": [
                    {
                        "name": "mx.far.example",
                        "preference": 10,
                        "addresses": ["192.0.2.9", "2001:db8::9"],
                        "trouble": "",
                    },
                    {
                        "name": "gone.far.example",
                        "preference": 20,
                        "addresses": [],
                        "trouble": "550 5.4.4 it does not exist",
                    },
                ],
                "trouble": "",
            }
        ],
        "result": "",
        "more": 3,
    },
    "signing": {"domain": "a.example", "selectors": ["s1", "s2"], "reason": ""},
}
TEXT = """\
Listener   submission on [::]:587: clients must log in before they send, and may
             send to all domains
Client     192.0.2.7, EHLO [192.0.2.7], over TLS, logged in as ann@a.example
Relay      may: it has logged in as ann@a.example
Sender     may not: mail for bob@a.example does not reach ann@a.example
Size       messages have at most 50.0 MB
Signature  signed by a.example with s1, s2

Session
  S: 220 mx.a.example ESMTP ready
  C: EHLO [192.0.2.7]
  S: 250-mx.a.example (and 2 more lines)
  C: MAIL FROM:<ann@a.example>
  S: 250 2.1.0 Sender OK
  C: RCPT TO:<team@also.example>
  S: 250 2.1.5 Recipient OK

Filters, in the order in which they are asked
  sender    rate, observed only: pass
  recipient milter: not asked: its answer has effects\ufffd[2J outside the host

Where team@also.example leads
  team@also.example (found as team@a.example) is an alias of ann@a.example,
    sue@far.example
  ann@a.example is a mailbox
  sue@far.example is in a domain of another host
  mailbox of ann@a.example: quota 5.0 MB, the message does not fit in
  sue@far.example goes to MX hosts, port 25; TLS where the host offers it; the
    certificate is not verified
    10 mx.far.example: 192.0.2.9, 2001:db8::9
    20 gone.far.example: not usable: 550 5.4.4 it does not exist
  and 3 more
"""
QUESTION = ("--from", "ann@a.example", "--to", "team@also.example", "--user", "ann@a.example")


class ExplainTests(CommandCase):
    maxDiff = None

    def asked(self, *arguments: str, **more: str) -> str:
        """Run the command; return what it printed. The host gets `more` arguments."""
        self.settings()
        with fake_host(control_path(self.data), lambda _: {"ok": True, "result": FOUND}) as asked:
            output = self.run_ok("explain", *QUESTION, *arguments)
        wanted = {
            "sender": "ann@a.example",
            "recipient": "team@also.example",
            "user": "ann@a.example",
            "client": "",
            "listener": "",
            "hello": "",
            "size": 0,
            **more,
        }
        self.assertEqual([{"command": "explain", "arguments": wanted}], list(asked))
        return output

    def test_text(self) -> None:
        output = self.asked()
        self.assertEqual(TEXT, output)
        self.assertLessEqual(max(map(len, output.splitlines())), 80)

    def test_the_demand_of_the_sender(self) -> None:
        self.asked("--tls", "required", tls="required")
        self.assertEqual(2, self.call("explain", *QUESTION, "--tls", "none").exit_code)

    def test_the_tls_of_each_host(self) -> None:
        found = deepcopy(FOUND)
        (hop,) = found["way"]["next_hops"]
        hop["policy"] = "the MTA-STS policy is mode enforce, mx mx.far.example, for 86400 s"
        hop["tls"] = ""
        hop["hosts"][0]["tls"] = "TLS is required; the certificate must fit the TLSA records"
        lines = list(explanation_lines(found, 80))
        at = lines.index("  sue@far.example goes to MX hosts, port 25")
        self.assertEqual(
            [
                "    the MTA-STS policy is mode enforce, mx mx.far.example, for 86400 s",
                "    10 mx.far.example: 192.0.2.9, 2001:db8::9; TLS is required; the certificate",
                "      must fit the TLSA records",
                "    20 gone.far.example: not usable: 550 5.4.4 it does not exist",
            ],
            lines[at + 1 : at + 5],
        )

    def test_json(self) -> None:
        self.assertEqual({"running": True, **FOUND}, json.loads(self.asked("--json")))

    def test_every_rule_has_a_text(self) -> None:
        way = FOUND["way"] | {"steps": [step("a@b.example", str(rule)) for rule in StepRule]}
        lines = list(explanation_lines(FOUND | {"way": way}, 80))
        self.assertGreater(len(lines), len(StepRule))

    def test_a_long_list_is_cut(self) -> None:
        members = [f"u{number}@a.example" for number in range(100)]
        way = FOUND["way"] | {"steps": [step("list@a.example", "alias", *members)]}
        text = "\n".join(explanation_lines(FOUND | {"way": way}, 80))
        self.assertIn("u9@a.example", text)
        self.assertNotIn("u99@a.example", text)
        self.assertIn(" ...\n  mailbox of", text)

    def test_a_refused_reply_is_shown_whole(self) -> None:
        session = [{"command": "", "reply": "554-go\n554 away"}]
        found = FOUND | {"session": session, "filters": []}
        text = "\n".join(explanation_lines(found, 80))
        self.assertIn("  S: 554-go\n  S: 554 away\n", text)
        self.assertIn("asked\n  none\n", text)

    def test_exit_codes(self) -> None:
        self.settings()
        codes = []
        for reply, login in (("250 OK", ""), ("451 later", ""), ("550 no", ""), ("250 OK", "no")):
            session = [{"command": "", "reply": "220 hi"}, {"command": "RCPT", "reply": reply}]
            client = FOUND["client"] | {"login": login}
            found = FOUND | {"session": session, "client": client}
            self.patch(asynchronous, "run_on_reactor", lambda work, found=found: found)
            for more in ((), ("--json",)):
                codes.append(self.call("explain", *QUESTION, *more).exit_code)
        self.assertEqual([0, 0, 1, 1, 1, 1, 1, 1], codes)

    def test_without_a_host_the_settings_are_asked(self) -> None:
        self.settings()
        self.patch(asynchronous, "run_on_reactor", lambda work: FOUND)
        self.assertEqual(f"Note: {NOT_RUNNING}\n\n{TEXT}", self.run_ok("explain", *QUESTION))
        shown = json.loads(self.run_ok("explain", *QUESTION, "--json"))
        self.assertFalse(shown["running"])

    def test_without_a_data_folder(self) -> None:
        self.settings(set_up=False)
        self.assertIn("there is no data folder", self.run_fails("explain", *QUESTION))
