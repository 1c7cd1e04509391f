"""What an agent changed outlasts its sandbox: as a patch that git takes, or as files."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from runyard.agent_server import changes, snapshots
from tests.agent_server.conftest import Keys, Quick, run, serving, until
from tests.agent_server.plane import RUN, Plane, brief

GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
PATCH = ("changes.patch", "output", "text/x-diff")
FILES = ("files.tar.gz", "tree_snapshot", "application/gzip")


def git(folder: Path, *words: str, given: bytes = b"") -> str:
    """What git says."""
    return subprocess.run([*GIT, *words], cwd=folder, input=given, check=True, capture_output=True).stdout.decode()


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A repository with three files, of which one is not committed as it stands."""
    found = tmp_path / "work"
    found.mkdir()
    git(found, "init", "-q", "-b", "main")
    for name in ("changed", "deleted", "staged"):
        (found / name).write_text("before\n")
    (found / ".gitignore").write_text("ignored\n")
    git(found, "add", ".")
    git(found, "commit", "-qm", "before")
    return found


def during(keys: Keys, folder: Path, plane: Plane, script: str, **changed: Any) -> None:
    """A run in the background whose agent runs the script in the folder."""
    (folder.parent / "script").write_text(script)
    plane.task["description"] = f"please run: sh -e {folder.parent / 'script'}"
    settings = {"mode": "background", "permissions": "allow", "keep_changes": True, **changed}
    settings["environment"] = {"PATH": os.environ["PATH"]}

    async def whole() -> None:
        async with serving(keys, folder, plane, **settings) as bench:
            await bench.ended

    run(whole())


def told(plane: Plane) -> list[str]:
    """What the server itself said in the run's log."""
    return [entry["notification"]["params"]["message"] for entry in plane.log if brief(entry) == "console"]


def test_everything_since_the_session_began_is_kept_as_a_patch(keys: Keys, work: Path, plane: Plane) -> None:
    before = git(work, "rev-parse", "HEAD").strip()
    script = """
        git config user.name a; git config user.email a@b; git config diff.noprefix true; git config color.ui always
        git checkout -q -b topic
        echo after > changed; printf '\\000\\001\\377' > binary; git add changed binary; git commit -qm after
        rm deleted; echo after > staged; git add staged; echo later >> staged
        mkdir new; echo new > 'new/a "file'; ln -s changed link; : > empty; echo x > ignored
        git init -q within; git config diff.external "$PWD/../external"; touch .git/index.lock
        printf '#!/bin/sh\\ntouch "$0.ran"' > .git/hooks/post-index-change; chmod +x .git/hooks/*
        printf '#!/bin/sh\\ntouch "$0.ran"' > ../external; chmod +x ../external
    """
    during(keys, work, plane, script)
    ((*kind, patch),) = plane.kept
    assert tuple(kind) == PATCH
    assert told(plane) == []
    assert not list(work.parent.rglob("*.ran")), "nothing that the agent wrote is run"
    (work / ".git/index.lock").unlink()
    assert "A  staged" not in git(work, "status", "--short"), "the index stays as the agent left it"
    after = {path.name: path.read_bytes() for path in work.iterdir() if path.is_file() and not path.is_symlink()}
    clone = work.parent / "clone"
    git(work, "-c", "advice.detachedHead=false", "worktree", "add", "-q", str(clone), before)
    git(clone, "apply", "--index", given=patch)
    del after["ignored"]
    there = {path.name: path.read_bytes() for path in clone.iterdir() if path.is_file() and not path.is_symlink()}
    assert {name: there[name] for name in after} == after
    assert sorted(there) == sorted([*after, ".git"])
    assert (os.readlink(clone / "link"), (clone / 'new/a "file').read_text()) == ("changed", "new\n")


def test_what_begins_without_git_is_kept_as_files(keys: Keys, tmp_path: Path, plane: Plane) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "there").write_text("before\n")
    script = """
        mkdir -p b/c; echo x > b/c/x; chmod +x b/c/x; mkfifo pipe
        ln -s x b/c/in; ln -s ../../.. b/c/up; ln -s /etc b/etc
    """
    during(keys, work, plane, script)
    ((*kind, content),) = plane.kept
    assert tuple(kind) == FILES
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        found = {one.name: one for one in tar.getmembers()}
        assert sorted(found) == ["ECHO.md", "b/c/in", "b/c/x", "there"]
        assert (found["b/c/x"].mode, found["there"].mode, found["b/c/in"].linkname) == (0o755, 0o644, "x")
        tar.extractall(tmp_path / "out", filter="data")
    assert (tmp_path / "out/b/c/x").read_text() == "x\n"
    os.utime(work / "there", (1, 1))
    again = snapshots.archive(work, 1 << 20, lambda: False)
    assert again.content == content, "the same files make the same bytes, whenever they were written"


def test_a_repository_that_the_agent_makes_is_kept_whole(keys: Keys, tmp_path: Path, plane: Plane) -> None:
    work = tmp_path / "work"
    work.mkdir()
    during(keys, work, plane, "git init -q; echo x > x; git add x; git -c user.name=a -c user.email=a@b commit -qm x")
    ((*kind, patch),) = plane.kept
    assert tuple(kind) == PATCH
    assert patch.count(b"new file mode") == 2


def test_a_folder_within_another_repository_is_none(keys: Keys, work: Path, plane: Plane) -> None:
    (work / "secret").write_text("of somebody else")
    (work / "inner").mkdir()
    during(keys, work / "inner", plane, "true")
    ((*kind, _),) = plane.kept
    assert tuple(kind) == FILES


@pytest.mark.parametrize("repository", [True, False])
def test_nothing_is_kept_where_nothing_changed(keys: Keys, work: Path, plane: Plane, *, repository: bool) -> None:
    if not repository:
        subprocess.run(["rm", "-rf", work / ".git"], check=True)
    plane.task["description"] = "please answer: done"
    settings: dict[str, Any] = {"mode": "background", "keep_changes": True}

    async def whole() -> None:
        async with serving(keys, work, plane, **settings) as bench:
            assert await bench.ended == 0

    run(whole())
    assert (plane.kept, told(plane), plane.run["status"]) == ([], [], "completed")


def test_nothing_is_kept_unless_that_is_asked_for(keys: Keys, work: Path, plane: Plane) -> None:
    during(keys, work, plane, "echo x > x", keep_changes=False)
    assert plane.kept == []


@pytest.mark.parametrize("repository", [True, False])
def test_what_is_too_big_is_told_with_its_size(
    keys: Keys, work: Path, plane: Plane, monkeypatch: pytest.MonkeyPatch, *, repository: bool
) -> None:
    if not repository:
        subprocess.run(["rm", "-rf", work / ".git"], check=True)
    monkeypatch.setattr(changes, "LIMIT_BYTES", 10_000)
    during(keys, work, plane, "head -c 20000 /dev/urandom > big")
    (said,) = told(plane)
    name = "changes.patch" if repository else "files.tar.gz"
    assert said.startswith(f"What the agent changed is not kept: {name} has 2")
    assert said.endswith(" bytes, and may have 10000")
    assert plane.kept == []
    assert plane.run["status"] == "completed"


@pytest.mark.parametrize("how", ["crashes", "is stopped", "is closed", "is cancelled"])
def test_it_is_kept_however_the_run_ends(keys: Keys, work: Path, plane: Plane, how: str) -> None:
    async def whole() -> None:
        async with serving(keys, work, plane, permissions="allow", keep_changes=True) as bench:
            await bench.ready()
            (work / "more").write_text("x\n")
            if how == "is cancelled":
                plane.run["status"] = "cancelled"
                await bench.result("user_message", content="the end")
            elif how == "is closed":
                await bench.result("close")
                bench.server.stop()
            elif how == "crashes":
                await bench.call("user_message", content="please crash")
            else:
                bench.server.stop()
            await until(lambda: plane.kept)

    run(whole())
    ((*_, patch),) = plane.kept
    assert b"+++ b/more" in patch


def test_a_control_plane_that_is_away_for_a_moment_gets_it(keys: Keys, work: Path, plane: Plane) -> None:
    answers: list[tuple[int, Any]] = [(503, {}), (0, {})]

    def refuse(what: str, body: Any) -> tuple[int, Any] | None:
        return answers.pop() if what == f"POST /runs/{RUN}/artifacts" and answers else None

    plane.refuse = refuse
    during(keys, work, plane, "echo x > x", clock=Quick())
    assert len(plane.kept) == 1
    assert plane.whats().index(f"POST /runs/{RUN}/artifacts") < len(plane.whats()) - 1, "before the run is over"
