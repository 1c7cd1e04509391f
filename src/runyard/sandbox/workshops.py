"""Folders that programs work in: made for one program, perhaps with a clone of a repository, and removed afterwards."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

CLONE_SECONDS = 600.0
LOOK_SECONDS = 0.2
HOME, REPOSITORY = "home", "repository"
"""What a workshop holds: the program's home, and the folder that it works in."""
_PREFIX = "sandbox-"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*/[A-Za-z0-9_.-]+").fullmatch
_SETTINGS = (
    ("safe.directory", "*"),
    ("core.hooksPath", os.devnull),
    ("core.fsmonitor", "false"),
    ("credential.helper", ""),
    ("core.askPass", ""),
    ("http.followRedirects", "false"),
    ("http.lowSpeedLimit", "1000"),
    ("http.lowSpeedTime", "30"),
    ("protocol.allow", "never"),
    ("advice.detachedHead", "false"),
)


class NotCloned(Exception):
    """The repository could not be brought here; says why."""


def make(below: Path) -> Path:
    """A new workshop in that folder, and none left there by servers that were killed."""
    below.mkdir(parents=True, exist_ok=True)
    sweep(below)
    found = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{_process(os.getpid())}-", dir=below)).resolve()
    (found / HOME).mkdir()
    (found / REPOSITORY).mkdir()
    return found


def sweep(below: Path) -> None:
    """Remove the workshops of processes that are no more."""
    for left in below.glob(f"{_PREFIX}*"):
        pid, _, rest = left.name.removeprefix(_PREFIX).partition(".")
        began = rest.partition("-")[0]
        if pid.isdigit() and began.isdigit() and _process(int(pid)) != f"{pid}.{began}":
            remove(left)


def remove(folder: Path) -> None:
    """Remove a workshop, whatever its program did to it."""
    for path, folders, _ in os.walk(folder):
        for name in folders:
            full = os.path.join(path, name)
            with suppress(OSError):
                if not os.path.islink(full):
                    os.chmod(full, 0o700)
    shutil.rmtree(folder, ignore_errors=True)


def source(name: str, places: Sequence[str]) -> str | None:
    """Where the repository `owner/name` is cloned from: the first folder that has it, or the first URL."""
    if _NAME(name) is None or ".." in name.split("/"):
        return None
    for place in places:
        if place.startswith("https://"):
            return f"{place.rstrip('/')}/{name}.git"
        root = Path(place).resolve()
        for end in ("", ".git"):
            found = (root / f"{name}{end}").resolve()
            if found.is_relative_to(root) and ((found / ".git").exists() or (found / "HEAD").is_file()):
                return str(found)
    return None


def clone(
    origin: str,
    folder: Path,
    *,
    branch: str | None = None,
    seconds: float = CLONE_SECONDS,
    stopped: Callable[[], bool] = lambda: False,
) -> str | None:
    """Clone into the empty folder and check the branch out; why that cannot be, if it cannot. Raises `NotCloned`."""
    remote = origin.startswith("https://")
    words = ["clone", "--quiet", "--no-hardlinks", "--template=", "--no-recurse-submodules"]
    _git([*words, "--", origin, "."], folder, seconds, allowed="https" if remote else "file", stopped=stopped)
    if branch is None:
        return None
    if branch.startswith("-"):
        # No branch can be called so, and git would take it for an option, of which some read any file.
        return f"{branch!r} is no name of a branch"
    try:
        # As git itself does it: a branch of the origin gets one of its name here.
        _git(["checkout", "--quiet", branch, "--"], folder, 60, allowed="file")
    except NotCloned as error:
        return str(error)
    return None


def _git(
    words: Sequence[str], folder: Path, seconds: float, *, allowed: str, stopped: Callable[[], bool] = lambda: False
) -> None:
    program = shutil.which("git")
    if program is None:
        raise NotCloned("git is not installed where the server runs")
    settings = [*_SETTINGS, (f"protocol.{allowed}.allow", "always")]
    environment = {
        "PATH": os.defpath,
        "LC_ALL": "C",
        "HOME": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": str(len(settings)),
    }
    for number, (key, value) in enumerate(settings):
        environment |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    process = subprocess.Popen(
        [program, *words],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    late = time.monotonic() + seconds
    said: bytes | None = None
    while said is None:
        try:
            _, said = process.communicate(timeout=LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            if time.monotonic() < late and not stopped():
                continue
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise NotCloned(f"git {words[0]} took longer than it may") from None
    if process.returncode:
        lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
        raise NotCloned(lines[-1][:500] if lines else f"git {words[0]} ended with {process.returncode}")


def _process(pid: int) -> str:
    """Names a process for good: numbers come again."""
    try:
        return f"{pid}.{int(psutil.Process(pid).create_time() * 100)}"
    except psutil.Error:
        return ""
