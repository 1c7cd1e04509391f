"""What goes on and on, line by line as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, TypeVar

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.failures import usage
from runyard.cli.invocation import Invocation

T = TypeVar("T")

Follow = Annotated[bool, Parameter(alias="-f", show_default=False, help="Stay and show what comes, until Ctrl-C.")]


def tail(invocation: Invocation, items: Callable[[], Iterable[T]], text: Callable[[T], str]) -> None:
    """Print each item as it comes. Raises a usage `Failure` where one JSON document is wanted."""
    if invocation.output == "json":
        raise usage("What is followed is no single document.", "Give -o jsonl for one JSON object a line.")
    for item in items():
        if invocation.json:
            output.line(item)
        else:
            output.say(text(item))
