"""The repository a run is about, as a folder: a local one in place, any other cloned for as long as it is needed."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from runyard.agents.assignments import Assignment
from runyard.agents.clones import Clone
from runyard.agents.errors import BadRequest
from runyard.agents.occasions import wanted_of
from runyard.agents.origins import Resolve, origin, resolve
from runyard.agents.roots import admit
from runyard.agents.settings import AgentSettings

_PREFIX = "runyard-checkout-"


@contextmanager
def checkout(
    assignment: Assignment,
    settings: AgentSettings,
    *,
    cancelled: Callable[[], bool] = lambda: False,
    say: Callable[[str], None] = lambda _message: None,
    resolve: Resolve = resolve,
) -> Iterator[Path]:
    """The top folder of the repository. Raises `BadRequest`, `NotReachable`, `TimeLimit`, `Cancelled`."""
    path = local_path(assignment)
    if path is not None:
        yield admit(path, settings.roots)
        return
    wanted = wanted_of(assignment)
    source = origin(_url(assignment), allow_private=settings.allow_private, resolve=resolve)
    _sweep()
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")).resolve()
    try:
        say(f"cloning {source.url}")
        yield Clone(source, folder, settings.clone, cancelled).made(wanted)
    finally:
        _remove(folder)


def local_path(assignment: Assignment) -> str | None:
    """Where the repository lies on this machine; None when it is one to clone. Raises `BadRequest` for another type."""
    said = assignment.payload.get("path")
    if said is not None and not isinstance(said, str):
        raise BadRequest("`path` is the absolute path of a repository's top folder")
    return said or (assignment.repository.path if assignment.repository is not None else None)


def _url(assignment: Assignment) -> str:
    url = assignment.repository.url if assignment.repository is not None else None
    if not url:
        raise BadRequest(
            "No repository to work on: connect one to the agent, or say `path`, "
            "the top folder of one below an allowed root"
        )
    return url


def _sweep() -> None:
    """Remove what processes that were killed have left."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        number = left.name.removeprefix(_PREFIX).split("-")[0]
        if number.isdigit() and not psutil.pid_exists(int(number)):
            with suppress(OSError):  # somebody else was quicker
                if left.lstat().st_uid == os.getuid():
                    _remove(left)


def _remove(folder: Path) -> None:
    # Tests may have taken our rights to some of it.
    for path, folders, _ in os.walk(folder):
        for name in folders:
            full = os.path.join(path, name)
            with suppress(OSError):
                if not os.path.islink(full):
                    os.chmod(full, 0o700)
    shutil.rmtree(folder, ignore_errors=True)
