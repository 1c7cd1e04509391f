"""Which files a review looks at, and what of them."""

import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from runyard.agents import git
from runyard.agents.code_reviewer.diff import Ranges, binary_files, changed_lines
from runyard.agents.code_reviewer.request import Limits, ReviewRequest
from runyard.agents.repository import Repository

_SUBMODULE = b"160000"
_PYTHON_SCRIPT = re.compile(rb"#!.*\bpython")


class SourceFile(Struct, frozen=True, kw_only=True):
    """A text file of the repository."""

    path: str
    root: str
    lines: int
    is_python: bool
    # None: all of it is under review.
    changed: Ranges | None = None

    def read(self) -> str:
        """The file's text; bytes that are not UTF-8 are replaced."""
        return Path(self.root, self.path).read_bytes().decode("utf-8", "replace")

    def covers(self, line: int) -> bool:
        """Whether this line is under review."""
        return self.changed is None or any(first <= line <= last for first, last in self.changed)

    @property
    def lines_under_review(self) -> int:
        return self.lines if self.changed is None else sum(last - first + 1 for first, last in self.changed)

    @property
    def is_test(self) -> bool:
        folders, name = self.path.split("/")[:-1], self.path.split("/")[-1]
        return not {"tests", "test", "testing"}.isdisjoint(folders) or name.startswith(("test_", "conftest."))


class Skipped(Struct, frozen=True, kw_only=True):
    """A file of the repository that was not reviewed."""

    file: str
    reason: str


class Selection(Struct, frozen=True, kw_only=True):
    files: tuple[SourceFile, ...]
    skipped: tuple[Skipped, ...]


def select(repository: Repository, request: ReviewRequest, limits: Limits, base: str | None) -> Selection:
    """The tracked files asked for; with `base`, those changed since that commit."""
    wanted = _pathspecs(request.include) or [":(top)"]
    candidates = _changed(repository, wanted, base) if base else _tracked(repository, wanted)
    # Asked for on its own: git cuts what the chosen patterns begin with off the excluding ones as well.
    unwanted = _tracked(repository, _pathspecs(request.exclude)) if request.exclude else {}
    files: list[SourceFile] = []
    skipped: list[Skipped] = []
    folders: dict[str, bool] = {}
    for path in sorted(candidates.keys() - unwanted.keys()):
        if len(files) >= limits.max_files:
            skipped.append(Skipped(file=_shown(path), reason=f"only {limits.max_files} files are reviewed at once"))
            continue
        found = _inspect(repository.root, path, candidates[path], limits.max_file_bytes, folders)
        if isinstance(found, SourceFile):
            files.append(found)
        elif found is not None:
            skipped.append(found)
    return Selection(files=tuple(files), skipped=tuple(skipped))


def _pathspecs(patterns: Sequence[str]) -> list[str]:
    """Globs in git's own words: without a slash one holds in every folder, and a folder stands for all in it."""

    def anchored(pattern: str) -> str:
        plain = pattern.strip("/")
        return plain if "/" in pattern.rstrip("/") else f"**/{plain}"

    return [f":(top,glob){anchored(pattern)}{below}" for pattern in patterns for below in ("", "/**")]


def _tracked(repository: Repository, wanted: list[str]) -> dict[str, Ranges | None]:
    listing = git.ask(repository.git, "ls-files", "-z", "--stage", "--", *wanted)
    entries = [entry.split(b"\t", 1) for entry in listing.split(b"\0") if entry]
    return {os.fsdecode(path): None for facts, path in entries if not facts.startswith(_SUBMODULE)}


def _changed(repository: Repository, wanted: list[str], base: str) -> dict[str, Ranges | None]:
    diff = ["diff", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--no-relative", "--diff-filter=d"]
    diff += ["--ignore-submodules=all", "--src-prefix=a/", "--dst-prefix=b/"]
    names = binary_files(git.ask(repository.git, *diff, "--numstat", "-z", base, "--", *wanted))
    lines = changed_lines(git.ask(repository.git, *diff, "--unified=0", "--inter-hunk-context=0", base, "--", *wanted))
    # An attribute can make git call a text binary; such a file is reviewed as a whole, not hidden.
    return {path: None if is_binary else lines.get(path, ()) for path, is_binary in names.items()}


def _inspect(
    root: Path, path: str, changed: Ranges | None, max_bytes: int, folders: dict[str, bool]
) -> SourceFile | Skipped | None:
    """The file, why it is not reviewed, or None when it is gone or what it leads to is reviewed elsewhere."""
    full = os.path.join(root, path)
    folder = os.path.dirname(full)
    # Git knows no folder behind a link; where the working tree has one now, the file is not the tracked one.
    if folder not in folders:
        folders[folder] = os.path.realpath(folder) == folder
    if not folders[folder]:
        return Skipped(file=_shown(path), reason="lies behind a symbolic link")
    try:
        status = os.lstat(full)
    except OSError:
        return None
    if stat.S_ISLNK(status.st_mode):
        inside = Path(os.path.realpath(full)).is_relative_to(root)
        return None if inside else Skipped(file=_shown(path), reason="symbolic link that leads out of the repository")
    if not stat.S_ISREG(status.st_mode):
        return None
    if _shown(path) != path:
        return Skipped(file=_shown(path), reason="its name is not UTF-8")
    return _open(root, path, changed, status.st_size, max_bytes)


def _open(root: Path, path: str, changed: Ranges | None, size: int, max_bytes: int) -> SourceFile | Skipped:
    try:
        with open(os.path.join(root, path), "rb") as file:
            head = file.read(8192)
            if b"\0" in head:
                return Skipped(file=path, reason="binary")
            if size > max_bytes:
                return Skipped(file=path, reason=f"larger than {max_bytes:,} bytes ({size:,})")
            content = head + file.read(max_bytes)
    except OSError as error:
        return Skipped(file=path, reason=f"cannot be read: {error.strerror}")
    return SourceFile(
        path=path,
        root=str(root),
        lines=content.count(b"\n") + (not content.endswith(b"\n") and bool(content)),
        is_python=path.endswith((".py", ".pyi")) or bool(_PYTHON_SCRIPT.match(content)),
        changed=changed,
    )


def _shown(path: str) -> str:
    """A name that can be written as JSON, whatever bytes it has."""
    return os.fsencode(path).decode("utf-8", "replace")
