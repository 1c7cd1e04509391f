import os
from pathlib import Path

import pytest

from runyard.agents.errors import TimeLimit
from runyard.agents.git import GitFailed, ask, disarmed
from tests.agents.conftest import MakeRepo, Repo, ReviewIt


def armed(repo: Repo, marker: Path) -> None:
    """Let the repository name a program for every occasion that git knows."""
    program = repo.root.parent / "program"
    program.write_text(f"#!/bin/sh\necho ran >> {marker}\ncat\n")
    program.chmod(0o755)
    hooks = repo.root.parent / "hooks"
    hooks.mkdir()
    for hook in ("post-index-change", "fsmonitor-watchman", "post-checkout"):
        (hooks / hook).symlink_to(program)
    (repo.root / ".git" / "info" / "attributes").write_text("* filter=evil diff=evil\n")
    for key, value in {
        "core.fsmonitor": str(program),
        "core.hooksPath": str(hooks),
        "core.pager": str(program),
        "core.sshCommand": str(program),
        "diff.external": str(program),
        "diff.evil.command": str(program),
        "diff.evil.textconv": str(program),
        "filter.evil.clean": str(program),
        "filter.evil.smudge": str(program),
        "filter.evil.required": "true",
        "filter.a=b.clean": str(program),
        "alias.diff": f"!{program}",
    }.items():
        repo.git("config", key, value)


def test_a_review_runs_no_program_that_the_repository_names(make_repo: MakeRepo, review_it: ReviewIt) -> None:
    repo = make_repo({"a.py": "x = 1\n", "b.py": "y = 1\n"})
    marker = repo.root.parent / "marker"
    armed(repo, marker)
    repo.write({"a.py": "import os\n", "b.py": "y = 1\n"})
    report = review_it(repo, base="HEAD")
    assert [finding.rule for finding in report.findings] == ["ruff:F401"]
    assert review_it(repo).files_reviewed == 2
    assert not marker.exists()


def test_a_filter_that_would_run_is_what_the_review_switches_off(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.py": "x = 1\n"})
    marker = repo.root.parent / "marker"
    armed(repo, marker)
    repo.git("config", "core.fsmonitor", "false")
    repo.write({"a.py": "x = 2\n"})
    repo.git("diff", "--no-ext-diff", "--no-textconv", "HEAD")
    assert marker.exists()


def test_git_that_says_too_much_or_takes_too_long_is_stopped(make_repo: MakeRepo) -> None:
    repo = make_repo({f"{number}.txt": "" for number in range(50)})
    os.mkfifo(repo.root / "nobody-writes")
    with pytest.raises(GitFailed, match="printed more"):
        ask(disarmed(repo.root, 30), "ls-files", limit=100)
    with pytest.raises(TimeLimit):
        ask(disarmed(repo.root, 0.2), "hash-object", "nobody-writes")


def test_a_complaint_of_git_is_passed_on(make_repo: MakeRepo) -> None:
    with pytest.raises(GitFailed, match="nonsense"):
        ask(disarmed(make_repo({}).root, 30), "nonsense")
