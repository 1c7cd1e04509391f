"""What the global options say: where the server is, who asks, and how to answer."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from runyard.cli.failures import usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runyard.sdk import Client

Format = Literal["table", "json", "jsonl"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """The global options of one call of the command."""

    url: str | None = None
    key: str | None = None
    project: str | None = None
    output: Format = "table"
    color: bool = True
    quiet: bool = False

    @property
    def json(self) -> bool:
        """Whether only JSON may go to standard output."""
        return self.output != "table"

    @property
    def terminal(self) -> bool:
        """Whether a person looks at standard output."""
        return self.output == "table" and sys.stdout.isatty()

    @property
    def remarks(self) -> bool:
        """Whether remarks may go to standard error; in JSON mode only a person at a terminal gets them."""
        return not self.quiet and (not self.json or sys.stderr.isatty())

    @property
    def progress(self) -> bool:
        """Whether bars that redraw themselves have a terminal to do so."""
        return not self.quiet and sys.stderr.isatty()

    @contextmanager
    def client(self) -> Iterator[Client]:
        """A client for the server named, closed at the end. Raises `Failure` when it is named badly."""
        from runyard.sdk import Client

        try:
            opened = Client(url=self.url, key=self.key, project=self.project)
        except ValueError as error:
            raise usage(str(error), "See --url, --key and RUNYARD_CREDENTIALS.") from None
        with opened as client:
            yield client


Given = Annotated[Invocation, Parameter(parse=False)]
