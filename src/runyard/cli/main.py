"""The entry of the command line: global options, errors, exit codes."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, NoReturn

from cyclopts import CycloptsError, Group, Parameter

from runyard.cli.commands import build
from runyard.cli.exits import Exit
from runyard.cli.failures import Failure, translated, usage
from runyard.cli.invocation import Format, Invocation
from runyard.cli.output import complain

if TYPE_CHECKING:
    from rich.console import Console

GLOBAL = Group("Everywhere", sort_key=100)


def main() -> NoReturn:
    """Run the command line and leave with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a character shows its code, which is better than nothing at all.
            stream.reconfigure(errors="backslashreplace")
    raise SystemExit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """The exit code of the command that the arguments name; whatever goes wrong is told, never raised."""
    json = _asks_for_json(arguments)
    color = "--no-color" not in arguments
    try:
        code = _dispatch(arguments, color)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # The reader (`head`, a pager) has all it wanted. Nothing more may be written, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except Exception as error:
        if os.environ.get("RUNYARD_DEBUG"):
            traceback.print_exc()
        failure = _usage_failure(error) if isinstance(error, CycloptsError) else translated(error)
        complain(Invocation(output="json" if json else "table", color=color), failure)
        return failure.exit


def _dispatch(arguments: Sequence[str], color: bool) -> int:
    app = build()
    app.meta.suppress_keyboard_interrupt = False

    @app.meta.default
    def launch(
        *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
        url: Annotated[str | None, Parameter(group=GLOBAL, help="The server (RUNYARD_URL).")] = None,
        key: Annotated[str | None, Parameter(group=GLOBAL, help="The API key (RUNYARD_KEY).")] = None,
        project: Annotated[
            str | None,
            Parameter(group=GLOBAL, help="Number or name of the project (RUNYARD_PROJECT; admin keys only)."),
        ] = None,
        output: Annotated[Format, Parameter(alias="-o", group=GLOBAL, help="How to answer.")] = "table",
        no_color: Annotated[bool, Parameter(group=GLOBAL, help="No colours (NO_COLOR).", show_default=False)] = False,
        quiet: Annotated[
            bool, Parameter(alias="-q", group=GLOBAL, help="No remarks; in lists only names.", show_default=False)
        ] = False,
    ) -> int:
        invocation = Invocation(url=url, key=key, project=project, output=output, color=not no_color, quiet=quiet)
        command, bound, hidden = app.parse_args(tokens, exit_on_error=False, print_error=False)
        extra = dict.fromkeys(hidden, invocation)
        return int(command(*bound.args, **bound.kwargs, **extra) or Exit.OK)

    console = _console(color) if _wants_help(arguments) else None
    return int(
        app.meta(list(arguments), console=console, exit_on_error=False, print_error=False, result_action="return_value")
        or Exit.OK
    )


def _wants_help(arguments: Sequence[str]) -> bool:
    """Whether help may be printed; importing what prints it would slow down every other command."""
    return len(arguments) < 2 or not {"--help", "-h"}.isdisjoint(arguments)


def _console(color: bool) -> Console:
    from runyard.cli.terminal import Terminal

    return Terminal(no_color=None if color else True)


def _asks_for_json(arguments: Sequence[str]) -> bool:
    """Whether errors must be JSON, found without parsing: the parse itself may be what fails."""
    words = list(arguments)
    for at, word in enumerate(words):
        if word == "--":
            return False
        if word in {"-o", "--output"}:
            value = words[at + 1] if at + 1 < len(words) else ""
        elif word.startswith("--output="):
            value = word.removeprefix("--output=")
        elif word.startswith("-o"):
            value = word[2:].removeprefix("=")
        else:
            continue
        return value.startswith("json")
    return False


def _usage_failure(error: CycloptsError) -> Failure:
    chain = " ".join(("runyard", *(error.command_chain or ())))
    return usage(" ".join(str(error).split()), f"`{chain} --help` lists what it takes.")
