"""Folders that programs work in, and what is cloned into them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from runyard.sandbox import workshops


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with the repository `acme/shop`, which has one commit."""
    place = tmp_path / "git" / "acme" / "shop"
    place.mkdir(parents=True)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(place)]
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    return tmp_path / "git"


def test_a_repository_is_taken_from_the_first_place_that_has_it(shop: Path, tmp_path: Path) -> None:
    places = [str(tmp_path / "none"), str(shop), "https://git.example/mirror/"]
    assert workshops.source("acme/shop", places) == str(shop / "acme" / "shop")
    assert workshops.source("acme/other", places) == "https://git.example/mirror/acme/other.git"
    assert workshops.source("acme/other", places[:2]) is None


@pytest.mark.parametrize(
    "name", ["../secret", "acme/..", "acme/../x", "-u/x", "acme", "acme/shop/x", "a b/c", "acme/;x"]
)
def test_no_name_leads_out_of_the_places(shop: Path, name: str) -> None:
    assert workshops.source(name, [str(shop), "https://git.example"]) is None


def test_no_link_leads_out_of_the_places(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "narrow").mkdir()
    (tmp_path / "narrow" / "acme").symlink_to(shop / "acme")
    assert workshops.source("acme/shop", [str(tmp_path / "narrow")]) is None


def test_a_clone_has_the_branch_that_was_asked_for_where_there_is_one(shop: Path, tmp_path: Path) -> None:
    subprocess.run(["git", "-C", str(shop / "acme" / "shop"), "branch", "topic"], check=True)
    for branch, found in ((None, "main"), ("topic", "topic")):
        place = tmp_path / found
        place.mkdir()
        assert workshops.clone(str(shop / "acme" / "shop"), place, branch=branch) is None
        assert (place / ".git" / "HEAD").read_text() == f"ref: refs/heads/{found}\n"
    place = tmp_path / "neither"
    place.mkdir()
    assert "nowhere" in (workshops.clone(str(shop / "acme" / "shop"), place, branch="nowhere") or "")


def test_a_branch_is_no_option_of_git(shop: Path, tmp_path: Path) -> None:
    secret, place = tmp_path / "secret", tmp_path / "place"
    secret.write_text("hunter2\n")
    place.mkdir()
    problem = workshops.clone(str(shop / "acme" / "shop"), place, branch=f"--pathspec-from-file={secret}")
    assert problem is not None
    assert "no name of a branch" in problem
    assert "hunter2" not in problem


def test_what_cannot_be_cloned_says_why(tmp_path: Path) -> None:
    with pytest.raises(workshops.NotCloned, match="does not exist"):
        workshops.clone(str(tmp_path / "nothing"), tmp_path)
    with pytest.raises(workshops.NotCloned, match="not allowed"):
        workshops.clone("ext::sh -c id", tmp_path)


def test_a_clone_ends_when_nobody_wants_it_any_more(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nsleep 600\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    with pytest.raises(workshops.NotCloned, match="took longer"):
        workshops.clone(str(shop / "acme" / "shop"), tmp_path, stopped=lambda: True)


def test_workshops_of_killed_servers_are_removed_by_the_next(tmp_path: Path) -> None:
    mine = workshops.make(tmp_path)
    assert sorted(path.name for path in mine.iterdir()) == ["home", "repository"]
    gone = tmp_path / "sandbox-1.5-abc"
    (gone / "locked").mkdir(parents=True)
    (gone / "locked").chmod(0)
    foreign = tmp_path / "sandbox-of-somebody"
    foreign.mkdir()
    other = workshops.make(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([mine, other, foreign])
    workshops.remove(mine)
    assert not mine.exists()
