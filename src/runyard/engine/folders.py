"""Folders of local repositories: which may be read, and what their top tells. Reads the disk, never the store."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from runyard.domain.errors import Invalid
from runyard.domain.stacks import Stack, stack_of

MOST_NAMES = 2000
"""How many names of a top folder are looked at."""
_HEAD = re.compile(rb"ref: refs/heads/([^\s\x00-\x1f\x7f~^:?*\[\\]{1,255})\s*").fullmatch


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    """A folder that may be read."""

    path: str
    stack: Stack = Stack()
    branch: str | None = None
    """What it has checked out, where that is a branch."""


def find(roots: Sequence[str], full_name: str, path: str | None = None) -> Folder:
    """The folder at `path`, else the first that lies at `full_name` below a root.

    Raises `Invalid` when there is none, or when it lies outside of the roots.
    """
    if not roots:
        raise Invalid("this server may read no folder yet; name some in RUNYARD_REVIEW_ROOTS")
    if path is not None:
        return _told(admitted(path, roots))
    for root in roots:
        below = Path(root) / full_name
        if _is_folder(below):
            return _told(admitted(str(below), roots))
    raise Invalid(f"there is no folder {full_name[:255]!r} below {', '.join(roots)} (RUNYARD_REVIEW_ROOTS)")


def admitted(path: str, roots: Sequence[str]) -> Path:
    """The real folder behind an absolute path. Raises `Invalid`; one outside of the roots is not even looked at."""
    if "\0" in path or len(path) > 4096 or not Path(path).is_absolute():
        raise Invalid("a path is absolute, as it is on the machine of the server, such as /srv/repositories/app")
    try:
        real = Path(path).resolve()
        inside = any(real.is_relative_to(Path(root).resolve()) for root in roots)
        str(real).encode()
    except (OSError, RuntimeError, ValueError):
        raise Invalid(f"the path {path[:255]!r} cannot be followed") from None
    if not inside:
        allowed = ", ".join(roots) or "none yet"
        raise Invalid(f"{path[:255]!r} lies outside the folders that may be read: {allowed} (RUNYARD_REVIEW_ROOTS)")
    if not _is_folder(real):
        raise Invalid(f"{path[:255]!r} does not exist or is not a folder; give the top folder of a git repository")
    return real


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _told(path: Path) -> Folder:
    try:
        with os.scandir(path) as entries:
            stack = stack_of(entry.name for entry in itertools.islice(entries, MOST_NAMES))
    except OSError:
        raise Invalid(f"the folder {str(path)[:255]!r} cannot be read") from None
    return Folder(path=str(path), stack=stack, branch=_branch(path))


def _branch(path: Path) -> str | None:
    """The branch that a plain clone has checked out."""
    try:
        # Never through a link: nothing outside of the folder is opened.
        opened = os.open(path / ".git", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            head = os.open("HEAD", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=opened)
        finally:
            os.close(opened)
        with os.fdopen(head, "rb") as file:
            found = _HEAD(file.read(512))
        return found[1].decode() if found else None
    except (OSError, UnicodeDecodeError):
        return None
