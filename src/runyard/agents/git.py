"""Asks git about a repository nobody vouched for: nothing that its configuration names is run."""

import os
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

from msgspec import Struct

from runyard.agents.errors import TimeLimit, ToolFailed

Settings = tuple[tuple[str, str], ...]

SETTINGS: Settings = (
    # The reviewer may be another user than the one the files belong to; it runs nothing of theirs.
    ("safe.directory", "*"),
    ("core.fsmonitor", "false"),
    ("core.hooksPath", os.devnull),
    ("core.attributesFile", os.devnull),
    ("core.excludesFile", os.devnull),
    ("core.pager", "cat"),
    ("core.quotePath", "true"),
    # A file over this size is told as binary instead of line by line: it would not be reviewed anyway.
    ("core.bigFileThreshold", "1m"),
    ("submodule.recurse", "false"),
    ("protocol.allow", "never"),
)
# Filters are chosen by .gitattributes and run when git compares a touched file; there is no switch for all of them.
_FILTER_PROGRAMS = r"^filter\..*\.(clean|smudge|process|required)$"


class GitFailed(ToolFailed):
    """Git answered with an error; its text says which."""


class Git(Struct, frozen=True, kw_only=True):
    """How to ask git in one folder."""

    folder: Path
    seconds: float
    settings: Settings = SETTINGS


def disarmed(folder: Path, seconds: float) -> Git:
    """Git for this folder with every filter program of the repository's own configuration switched off."""
    git = Git(folder=folder, seconds=seconds)
    try:
        names = ask(git, "config", "--null", "--name-only", "--get-regexp", _FILTER_PROGRAMS)
    except GitFailed:
        return git  # git ends with 1 when no key matches; a broken repository shows at the next question
    keys = sorted({name for name in os.fsdecode(names).split("\0") if name})
    off = tuple((key, "false" if key.endswith(".required") else "") for key in keys)
    return Git(folder=folder, seconds=seconds, settings=SETTINGS + off)


def ask(git: Git, *arguments: str, limit: int = 64 << 20) -> bytes:
    """What git prints. Raises `GitFailed`, also for more than `limit` bytes, or `TimeLimit`."""
    late = threading.Event()
    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(
            [executable(), "--no-pager", "--no-replace-objects", *arguments],
            cwd=git.folder,
            env=environment(git.settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
        ) as process,
    ):

        def stop() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(git.seconds, stop)
        timer.start()
        try:
            assert process.stdout is not None
            output = process.stdout.read(limit + 1)
            if len(output) > limit:
                process.kill()
            code = process.wait()
        finally:
            timer.cancel()
        complaints.seek(0)
        complaint = complaints.read(2000).decode("utf-8", "replace").strip()
    if late.is_set():
        raise TimeLimit(f"git {arguments[0]} took longer than {git.seconds:.0f} s")
    if len(output) > limit:
        raise GitFailed(f"git {arguments[0]} printed more than {limit >> 20} MiB; narrow the review with `include`")
    if code != 0:
        raise GitFailed(complaint or f"git {arguments[0]} ended with {code}")
    return output


def line(git: Git, *arguments: str) -> str | None:
    """The one line git prints, or None when it has no answer."""
    try:
        return ask(git, *arguments, limit=1 << 16).decode("utf-8", "replace").strip() or None
    except GitFailed:
        return None


def executable() -> str:
    """Where git is. Raises `ToolFailed`."""
    found = shutil.which("git")
    if found is None:
        raise ToolFailed("git is not installed, or not in PATH, where the agents run")
    return found


def environment(settings: Settings) -> dict[str, str]:
    """All that git is told of this machine."""
    told = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        "HOME": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        # Settings travel here and not as `-c`, where a key with "=" in it would be cut in two.
        "GIT_CONFIG_COUNT": str(len(settings)),
    }
    for number, (key, value) in enumerate(settings):
        told[f"GIT_CONFIG_KEY_{number}"] = key
        told[f"GIT_CONFIG_VALUE_{number}"] = value
    return told
