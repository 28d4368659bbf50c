"""The options of `mailhost doctor TARGET`, and how dialogues with servers are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mailhost.cli.context import Fail, known_password
from mailhost.cli.table import plain

if TYPE_CHECKING:
    from mailhost.doctor.server.transcript import Transcript
    from mailhost.doctor.targets import TargetOptions

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--user", metavar="NAME", help="Try to log in, and to read one message."),
    click.option(
        "--password-file",
        metavar="FILE",
        help="The file with the password. Default: a prompt, or standard input.",
    ),
    click.option(
        "--to",
        "recipient",
        default="",
        metavar="ADDRESS",
        help="Ask TARGET whether it takes mail for this address. Nothing is sent, except tests by "
        "--abuse.",
    ),
    click.option(
        "--insecure",
        is_flag=True,
        help="Send the password also if there is no TLS with a certificate that can be verified.",
    ),
    click.option(
        "--transcript",
        is_flag=True,
        help="Show the dialogue with the server, without passwords and mail.",
    ),
)


def server_options(function: F) -> F:
    """Add the options of a TARGET to a command."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def target_options(
    user: str | None,
    password_file: str | None,
    recipient: str,
    insecure: bool,
    abuse: bool,
    on_transcript: Callable[[Transcript], None],
) -> TargetOptions:
    """Return the options as a value; the password is read from its file. Raises Fail."""
    from mailhost.doctor.targets import TargetOptions

    if password_file and not user:
        raise Fail("--password-file needs --user NAME")
    try:
        password = known_password(user, password_file) if user else ""
    except OSError as error:
        raise Fail(f"{error.filename}: {error.strerror}") from error
    return TargetOptions(user or "", password, recipient, insecure, abuse, on_transcript)


def transcript_lines(transcripts: Sequence[Transcript]) -> Iterator[str]:
    """Yield the lines of all dialogues for a terminal."""
    from mailhost.doctor.server.transcript import transcript_text

    for transcript in transcripts:
        yield ""
        yield from map(plain, transcript_text(transcript))


def transcript_values(transcripts: Sequence[Transcript]) -> list[dict[str, object]]:
    """Return all dialogues as a value of JSON."""
    return [
        {
            "host": each.place.host,
            "address": each.place.address,
            "port": each.place.port,
            "lines": [
                {"seconds": round(line.seconds, 3), "side": line.side, "text": line.text}
                for line in each.lines
            ],
        }
        for each in transcripts
    ]
