"""Real git repositories, made for one test each."""

import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from runyard.agents.code_reviewer.analysers.data import Data
from runyard.agents.code_reviewer.analysers.ruff import Ruff
from runyard.agents.code_reviewer.analysers.secrets import Secrets
from runyard.agents.code_reviewer.analysers.text import Conflicts
from runyard.agents.code_reviewer.findings import Finding
from runyard.agents.code_reviewer.model import ModelSettings, Usage
from runyard.agents.code_reviewer.pipeline import Task, perform
from runyard.agents.code_reviewer.report import Report
from runyard.agents.code_reviewer.request import Limits, ReviewRequest

# Put together here, so that this repository does not seem to hold one.
AWS_KEY = "AKIA" + "Z7Q3M5XKD2WJ9RVB"


class Repo:
    """A git repository below a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        who = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
        for role in ("AUTHOR", "COMMITTER"):
            who |= {f"GIT_{role}_NAME": "Tester", f"GIT_{role}_EMAIL": "tester@example.org"}
        done = subprocess.run(
            ["git", *arguments], cwd=self.root, env=os.environ | who, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def write(self, files: dict[str, str | bytes]) -> None:
        for path, content in files.items():
            full = self.root / path
            full.parent.mkdir(parents=True, exist_ok=True)
            full.write_bytes(content if isinstance(content, bytes) else content.encode())

    def commit(self, files: dict[str, str | bytes] | None = None) -> str:
        self.write(files or {})
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "change")
        return self.git("rev-parse", "HEAD")


MakeRepo = Callable[..., Repo]
ReviewIt = Callable[..., Report]


@pytest.fixture
def make_repo(tmp_path: Path) -> MakeRepo:
    def make(files: dict[str, str | bytes] | None = None, name: str = "project") -> Repo:
        repo = Repo(tmp_path / "roots" / name)
        if files is not None:
            repo.commit(files)
        return repo

    return make


@pytest.fixture
def review_it(tmp_path: Path) -> ReviewIt:
    """The steps of a review, in this process."""

    def review(
        repo: Repo,
        *,
        limits: Limits | None = None,
        model: ModelSettings | None = None,
        wish: bool | str | None = None,
        usages: list[Usage] | None = None,
        **payload: object,
    ) -> Report:
        task = Task(
            request=msgspec.convert({"path": str(repo.root), "model": wish, **payload}, ReviewRequest),
            roots=(tmp_path / "roots",),
            limits=limits or Limits(),
            analysers=(Ruff(), Secrets(), Conflicts(), Data()),
            model=model,
            on_progress=lambda _message, _done, _total: None,
            on_usage=(usages if usages is not None else []).append,
        )
        return perform(task)

    return review


def rules(report: Report) -> list[tuple[str, str, int]]:
    """What was found, where."""
    return sorted((finding.rule, finding.file, finding.line) for finding in report.findings)


def only(report: Report) -> Finding:
    """The one finding there is."""
    assert len(report.findings) == 1, rules(report)
    return report.findings[0]


@pytest.fixture
def until() -> Callable[..., None]:
    """Wait for something that another process does."""

    def wait(happened: Callable[[], object], seconds: float = 30.0) -> None:
        never = threading.Event()
        end = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < end, "it did not happen"
            never.wait(0.02)

    return wait
