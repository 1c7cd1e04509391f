"""Fetches one commit of a repository over HTTPS into a folder, bounded in time and size.

Git is told nothing of this machine: no configuration, no credentials, no proxy, no hooks, no filters. It asks nobody
for a password, follows no redirect, fetches no submodule, and connects to the addresses that were judged only.
"""

import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from runyard.agents import git
from runyard.agents.confined import Bounds, Ended, run
from runyard.agents.errors import BadRequest, NotReachable
from runyard.agents.git import Git
from runyard.agents.occasions import Wanted, is_commit, is_name
from runyard.agents.origins import Origin
from runyard.agents.settings import CloneLimits

_MEMORY = 2 << 30
_MOST_FILES = 200_000
_HISTORY = (100, 2000)
"""How many commits are fetched to find the one in common with a base; more when the first do not hold it."""
_MISSING = ("couldn't find remote ref", "not our ref", "unadvertised object", "no such ref was fetched")
_QUIETLY = ("--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--no-auto-maintenance")


class Clone:
    """A repository on its way here. Raises `BadRequest`, `NotReachable`, `TimeLimit`, `MemoryLimit`, `Cancelled`."""

    def __init__(self, source: Origin, folder: Path, limits: CloneLimits, cancelled: Callable[[], bool]) -> None:
        self._source = source
        self._folder = folder
        self._limits = limits
        self._cancelled = cancelled
        self._git = Git(folder=folder, seconds=60, settings=_settings(source))

    def made(self, wanted: Wanted) -> Path:
        """The folder, with the wanted commit in it."""
        self._do("init", "--quiet", "--template=", "--initial-branch=runyard")
        fetched = self._fetch(wanted, depth=_HISTORY[0] if wanted.base else 1)
        head = git.ask(self._git, "rev-parse", "refs/runyard/head^{commit}").decode().strip()
        if wanted.base:
            self._bring_base(wanted.base, fetched, head)
        self._check_size(head)
        self._git_or_raise("checkout", "--quiet", "--detach", "--force", head)
        return self._folder

    def _fetch(self, wanted: Wanted, depth: int) -> str:
        """By which name it came."""
        tried = [wanted.commit] if wanted.commit else []
        for name in (*tried, *wanted.names):
            ended = self._do(
                "fetch", *_QUIETLY, f"--depth={depth}", "--", self._source.url, f"+{name}:refs/runyard/head"
            )
            if ended.code == 0:
                break
            if f"died of signal {int(signal.SIGXFSZ)}" in ended.output:  # the pack reached the limit between two looks
                raise self._too_large()
            if not any(words in ended.output for words in _MISSING):
                raise NotReachable(f"The repository could not be cloned: {_complaint(ended)}")
        else:
            what = " or ".join((*tried, *wanted.names))
            raise BadRequest(f"There is no {what} in the repository at {self._source.url}")
        if wanted.commit and name != wanted.commit:
            self._find(wanted.commit)
        return name

    def _find(self, commit: str) -> None:
        """Make the commit the head, where a host hands out names only."""
        if self._has(commit):
            git.ask(self._git, "update-ref", "refs/runyard/head", commit)
            return
        raise BadRequest(f"The commit {commit} is not at the end of what was fetched from {self._source.url}")

    def _bring_base(self, base: str, fetched: str, head: str) -> None:
        """Have the base by its own name, and as much history as the commit in common with it takes."""
        name = base.removeprefix("origin/")
        if self._has(base) or not (is_commit(base) or is_name(name)):
            return  # such as HEAD~1, which the history fetched already holds
        for depth in _HISTORY:
            what = (f"+{name}:refs/runyard/base", f"+{fetched}:refs/runyard/head")
            ended = self._do("fetch", *_QUIETLY, f"--depth={depth}", "--", self._source.url, *what)
            if ended.code != 0:
                return  # whoever asks for the base says that there is none
            if not is_commit(base):
                git.ask(self._git, "update-ref", f"refs/heads/{base.removeprefix('refs/heads/')}", "refs/runyard/base")
            if git.line(self._git, "merge-base", "refs/runyard/base", head) is not None:
                return

    def _has(self, commit: str) -> bool:
        return (
            git.line(self._git, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}")
            is not None
        )

    def _check_size(self, head: str) -> None:
        """Before anything is unpacked: a small pack can hold very large files."""
        listing = git.ask(self._git, "ls-tree", "-r", "-l", "-z", head)
        sizes = [entry.split(b"\t", 1)[0].split()[-1] for entry in listing.split(b"\0") if entry]
        total = sum(int(size) for size in sizes if size.isdigit())
        if len(sizes) > _MOST_FILES or total > self._limits.total_bytes:
            raise BadRequest(
                f"The repository has {len(sizes)} files of {total >> 20} MiB together; "
                f"at most {_MOST_FILES} of {self._limits.total_bytes >> 20} MiB are checked out (RUNYARD_CLONE_MB)"
            )

    def _git_or_raise(self, *arguments: str) -> None:
        ended = self._do(*arguments)
        if ended.code != 0:
            raise NotReachable(f"The repository could not be checked out: {_complaint(ended)}")

    def _do(self, *arguments: str) -> Ended:
        return run(
            [git.executable(), "--no-pager", *arguments],
            folder=self._folder,
            environment=git.environment(self._git.settings) | _certificates(),
            bounds=Bounds(
                seconds=self._limits.seconds,
                memory_bytes=_MEMORY,
                file_bytes=self._limits.total_bytes,
                output_bytes=4096,
            ),
            cancelled=self._cancelled,
            watch=self._weigh,
        )

    def _weigh(self) -> None:
        """Raises `BadRequest` when what came so far is more than may come."""
        total = 0
        for folder, _, names in os.walk(self._folder / ".git" / "objects"):
            for name in names:
                with suppress(FileNotFoundError):
                    total += os.lstat(os.path.join(folder, name)).st_size
        if total > self._limits.total_bytes:
            raise self._too_large()

    def _too_large(self) -> BadRequest:
        most = self._limits.total_bytes >> 20
        return BadRequest(f"The repository is larger than the {most} MiB that are cloned (RUNYARD_CLONE_MB)")


def _settings(source: Origin) -> git.Settings:
    return (
        *git.SETTINGS,
        (f"protocol.{source.scheme}.allow", "always"),
        ("http.followRedirects", "false"),
        ("http.curloptResolve", source.pin),
        ("http.proxy", ""),
        ("http.emptyAuth", "false"),
        ("http.lowSpeedLimit", "1000"),
        ("http.lowSpeedTime", "30"),
        ("credential.helper", ""),
        ("core.askPass", ""),
        ("core.packedGitWindowSize", "32m"),
        ("core.packedGitLimit", "256m"),
        ("fetch.fsckObjects", "true"),
        # What is found in the history of well-known repositories does no harm.
        ("fetch.fsck.zeroPaddedFilemode", "ignore"),
        ("fetch.fsck.badTimezone", "ignore"),
        ("fetch.fsck.missingSpaceBeforeDate", "ignore"),
        ("advice.detachedHead", "false"),
    )


def _certificates() -> dict[str, str]:
    """The authorities that the operator named for this machine."""
    named = {"GIT_SSL_CAINFO": os.environ.get("SSL_CERT_FILE"), "GIT_SSL_CAPATH": os.environ.get("SSL_CERT_DIR")}
    return {name: value for name, value in named.items() if value}


def _complaint(ended: Ended) -> str:
    lines: Sequence[str] = [line.strip() for line in ended.output.splitlines() if line.strip()]
    return lines[-1][:500] if lines else f"git ended with {ended.code}"
