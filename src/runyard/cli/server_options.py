"""The options that every command with a server of its own shares."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from runyard.cli.failures import usage

if TYPE_CHECKING:
    from runyard.settings import Settings

SERVER = Group("Server", sort_key=1)

Host = Annotated[str | None, Parameter(group=SERVER, help="Address to listen on (default 127.0.0.1).")]
Port = Annotated[int | None, Parameter(group=SERVER, help="Port to listen on (default 8321); 0 picks a free one.")]
Database = Annotated[
    str | None, Parameter(group=SERVER, help="A postgresql:// URL; without one everything is in SQLite.")
]
Data = Annotated[Path | None, Parameter(group=SERVER, help="Folder of the SQLite file, artifacts and archives.")]
NoLoops = Annotated[bool, Parameter(group=SERVER, show_default=False, help="Leave timers and sweeps to other servers.")]
NoAgents = Annotated[bool, Parameter(group=SERVER, show_default=False, help="Do not run the built-in agents.")]
Anonymous = Annotated[
    list[str] | None,
    Parameter(group=SERVER, help="A dialect that answers without a key, on loopback addresses only (repeatable)."),
]


def settings(**given: Any) -> Settings:
    """The settings from the environment and the options that were given. Raises a usage `Failure`."""
    from runyard.settings import load

    if given.pop("no_loops", False):
        given["loops"] = False
    if given.pop("no_agents", False):
        given["agents"] = False
    if anonymous := given.pop("allow_anonymous_loopback", None):
        given["allow_anonymous_loopback"] = tuple(anonymous)
    try:
        return load(**{name: value for name, value in given.items() if value is not None})
    except ValueError as error:
        raise usage(
            str(error), "`runyard serve --help` lists the settings; each is also RUNYARD_… in the environment."
        ) from None
