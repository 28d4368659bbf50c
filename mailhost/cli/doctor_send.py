"""`mailhost doctor --send ADDRESS`: sends a test message and follows it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from mailhost.cli.context import ADDRESS, config_option, known_password, load_settings
from mailhost.cli.doctor_check import examined, show_report
from mailhost.cli.examining import ExaminingCommand
from mailhost.message.address import Address

if TYPE_CHECKING:
    from mailhost.doctor.checks import Check
    from mailhost.doctor.context import DoctorContext


@click.command("send", cls=ExaminingCommand, short_help="Send a test message, and follow it.")
@click.argument("recipient", metavar="ADDRESS", type=ADDRESS)
@click.option(
    "--user",
    type=ADDRESS,
    metavar="ADDRESS",
    help="The account that sends, through the submission listener. For a message to an account of "
    "this host: the account itself; the message is then also read by POP3 and IMAP.",
)
@click.option(
    "--password-file",
    metavar="FILE",
    help="The file with the password of --user. Default: a prompt.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@config_option
def send(
    recipient: Address,
    user: Address | None,
    password_file: str | None,
    as_json: bool,
    config: str | None,
) -> None:
    """Send a test message to ADDRESS, follow it, and report how long each step took.

    A message to another host leaves as the mail of a user (--user) or of the admin. A message to an
    account of this host is sent to the SMTP port without a login; the doctor finds the message in
    the mailbox, and removes it.

    The exit code is 0 if all is fine, 1 with warnings, 2 with failures, 3 for wrong usage, or if
    the check could not be run.
    """
    from mailhost.doctor.round_trip.check import RoundTrip, round_trip_check

    loaded = load_settings(config)
    password = known_password(str(user), password_file) if user else ""
    trip = RoundTrip(str(recipient), str(user) if user else "", password, time.time())

    async def checks(context: DoctorContext) -> Sequence[Check]:
        return [round_trip_check(context, loaded, trip)]

    show_report(examined(loaded, checks), as_json)
