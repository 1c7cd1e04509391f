"""What nobody may see being given: it is asked for or comes by standard input, and is never an argument."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence

from runyard.cli.failures import usage


def value(what: str) -> str:
    """What is typed unseen at a terminal, else standard input without its last line end. Raises a usage `Failure`."""
    text = _typed(what) if sys.stdin.isatty() else _piped().removesuffix("\n").removesuffix("\r")
    if not text:
        raise usage(f"No value is given for {what}.", "Type it when asked, or send it to standard input.")
    return text


def variables(names: Sequence[str]) -> dict[str, str]:
    """Those named, as typed at a terminal, else the `NAME=VALUE` lines of standard input. Raises a usage `Failure`."""
    if names:
        if not sys.stdin.isatty():
            raise usage(
                "There is no terminal to ask for values on.", "Send NAME=VALUE lines to standard input instead."
            )
        return {name: value(name) for name in names}
    if sys.stdin.isatty():
        raise usage("No variable is named.", "Name those to be asked for, or send NAME=VALUE lines to standard input.")
    found: dict[str, str] = {}
    for number, line in enumerate(_piped().splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, given = line.partition("=")
        # The line itself is never repeated: it may be a secret that was broken in two.
        if not equals or not name.strip() or not given:
            raise usage(f"Line {number} of standard input is not NAME=VALUE.")
        if name.strip() in found:
            raise usage(f"Line {number} of standard input gives {name.strip()} a second time.")
        found[name.strip()] = given
    if not found:
        raise usage("Standard input has no variables.", "Send NAME=VALUE lines; lines that begin with # are left out.")
    return found


def _typed(what: str) -> str:
    try:
        return getpass.getpass(f"{what}: ")
    except EOFError:
        return ""


def _piped() -> str:
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise usage("Standard input is not UTF-8 text.", "Encode other values, as in Base64.") from None
