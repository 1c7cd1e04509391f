"""What an agent changed in its folder, as one file that outlasts the sandbox: a patch, or all files without git.

Git runs with the agent's own environment and never with ours: the repository's settings, which the agent may have
written, can have it run programs.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from runyard.agent_server import processes, snapshots
from runyard.agent_server.launch import Launch
from runyard.agent_server.snapshots import Stopped

_Found = TypeVar("_Found")
LIMIT_BYTES = 25 << 20
"""The largest file that is kept."""
MARK_SECONDS = 10.0
PIECE = 1 << 18
_SETTINGS = (
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("safe.directory", "*"),
    ("gc.auto", "0"),
    ("diff.orderFile", "/dev/null"),
)
_DIFF = (
    "diff",
    "--binary",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--no-renames",
    "--no-relative",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--unified=3",
    "--submodule=short",
    "--ignore-submodules=dirty",
)


class Mark(Struct, frozen=True, kw_only=True):
    """How the folder stood when the session began."""

    tree: str | None = None
    """The commit; None where git knew of none."""
    standing: str | None = None
    """How its files stood; None where git looks after them."""


class Kept(Struct, frozen=True, kw_only=True):
    """What is to be kept; no content when it is larger than it may be."""

    name: str
    kind: str
    content_type: str
    size: int
    content: bytes | None


class NotKept(Exception):
    """What changed cannot be told; says why."""


async def mark(launch: Launch) -> Mark:
    """How the folder stands now."""
    try:
        async with asyncio.timeout(MARK_SECONDS):
            if await _is_work_tree(launch):
                return Mark(tree=await _said(launch, "rev-parse", "--verify", "--quiet", "HEAD^{commit}") or None)
            return Mark(standing=await _in_thread(lambda stopped: snapshots.standing(launch.folder, stopped)))
    except (OSError, Stopped, TimeoutError):
        # Then everything counts as changed.
        return Mark()


async def changed(launch: Launch, since: Mark, limit: int) -> Kept | None:
    """What has changed since, if anything has. Raises `NotKept`."""
    try:
        return await (_patch if await _is_work_tree(launch) else _files)(launch, since, limit)
    except OSError as error:
        raise NotKept(str(error)) from None


async def _patch(launch: Launch, since: Mark, limit: int) -> Kept | None:
    """Everything since the commit, committed or not, and files that git was not told of yet."""
    base = since.tree or await _said(launch, "hash-object", "-t", "tree", "--stdin")
    index = await _said(launch, "rev-parse", "--git-path", "index")
    with tempfile.TemporaryDirectory(prefix="runyard-changes-") as place:
        # A copy, so that the agent's index stays as it is, and no lock that it left is in the way.
        copy = Path(place) / "index"
        with suppress(FileNotFoundError):
            await asyncio.to_thread(shutil.copyfile, launch.folder / index, copy)
        told = {"GIT_INDEX_FILE": str(copy)}
        new = await _said(launch, "ls-files", "--others", "--exclude-standard", "-z", env=told)
        # Repositories within this one end with a slash; git would look after them no further.
        names = "\0".join(name for name in new.split("\0") if name and not name.endswith("/"))
        if names:
            add = ("--literal-pathspecs", "add", "--intent-to-add", "--pathspec-from-file=-", "--pathspec-file-nul")
            await _said(launch, *add, env=told, given=names)
        size, content = await _bounded(launch, (*_DIFF, base, "--"), told, limit)
    if not size:
        return None
    return Kept(name="changes.patch", kind="output", content_type="text/x-diff", size=size, content=content)


async def _files(launch: Launch, since: Mark, limit: int) -> Kept | None:
    """All files, where any of them is another one."""

    def gathered(stopped: Callable[[], bool]) -> snapshots.Archive | None:
        if since.standing is not None and since.standing == snapshots.standing(launch.folder, stopped):
            return None
        return snapshots.archive(launch.folder, limit, stopped)

    found = await _in_thread(gathered)
    if found is None or not found.size:
        return None
    return Kept(
        name="files.tar.gz",
        kind="tree_snapshot",
        content_type="application/gzip",
        size=found.size,
        content=found.content,
    )


async def _is_work_tree(launch: Launch) -> bool:
    """Whether the folder itself, and not one around it, is a work tree."""
    try:
        # At its top there is no prefix to show.
        return await _said(launch, "rev-parse", "--is-inside-work-tree", "--show-prefix") == "true"
    except (NotKept, OSError):
        return False


async def _said(launch: Launch, *words: str, env: dict[str, str] | None = None, given: str = "") -> str:
    """What git says. Raises `NotKept` and `OSError`."""
    async with _git(launch, words, env or {}) as process:
        said, wrong = await process.communicate(given.encode("utf-8", "surrogateescape"))
        # That there is no commit is no failure.
        if process.returncode and "--quiet" not in words:
            raise NotKept(_why(words, wrong))
    text = said.decode("utf-8", "surrogateescape")
    return text if "-z" in words else text.strip()


async def _bounded(launch: Launch, words: tuple[str, ...], env: dict[str, str], limit: int) -> tuple[int, bytes | None]:
    """How much git says, and what, unless it is too much. Raises `NotKept` and `OSError`."""
    async with _git(launch, words, env) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.close()
        grumbling = asyncio.create_task(process.stderr.read())
        size, kept = 0, bytearray()
        while piece := await process.stdout.read(PIECE):
            size += len(piece)
            if size <= limit:
                kept += piece
            else:
                kept.clear()
        wrong = await grumbling
        if await process.wait():
            raise NotKept(_why(words, wrong))
    return size, bytes(kept) if size <= limit else None


def _why(words: tuple[str, ...], wrong: bytes) -> str:
    lines = [line for line in wrong.decode(errors="replace").splitlines() if line.strip()]
    return f"git {next(word for word in words if not word.startswith('-'))}: {lines[-1][:300] if lines else 'failed'}"


@asynccontextmanager
async def _git(launch: Launch, words: tuple[str, ...], more: dict[str, str]) -> AsyncIterator[Process]:
    """Git in the folder, which is gone afterwards, with all it started. Raises `OSError`."""
    settings = [word for name, value in _SETTINGS for word in ("-c", f"{name}={value}")]
    environment = {name: value for name, value in launch.environment.items() if not name.startswith("GIT_")}
    environment |= {
        "LC_ALL": "C",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        **more,
    }
    command = ["git", "--no-pager", *settings, *words]
    process = await processes.start(command, cwd=launch.folder, environment=environment, stdin=PIPE, stderr=PIPE)
    try:
        yield process
    finally:
        processes.kill(process)
        await process.wait()


async def _in_thread(work: Callable[[Callable[[], bool]], _Found]) -> _Found:
    """What the work finds beside the loop; it is told when nobody waits for it any more."""
    over = threading.Event()
    try:
        return await asyncio.to_thread(work, over.is_set)
    finally:
        over.set()
