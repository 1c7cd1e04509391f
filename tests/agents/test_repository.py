import os
from pathlib import Path

import pytest

from runyard.agents.errors import NotARepository, UnknownBase
from runyard.agents.repository import Repository, merge_base, open_repository, repository_name
from tests.agents.conftest import MakeRepo, Repo


def opened(repo: Repo) -> Repository:
    return open_repository(repo.root, seconds=30)


def test_a_repository_tells_its_name_branch_and_head(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.py": "x = 1\n"})
    found = opened(repo)
    assert (found.name, found.branch, found.head) == ("project", "main", repo.git("rev-parse", "HEAD"))


def test_a_repository_without_commits_or_branch_can_be_opened(make_repo: MakeRepo) -> None:
    repo = make_repo()
    assert opened(repo).head is None
    repo.commit({"a.py": ""})
    repo.git("checkout", "--quiet", "--detach")
    assert opened(repo).branch is None


def test_a_folder_that_is_not_the_top_of_a_working_tree_is_refused(make_repo: MakeRepo, tmp_path: Path) -> None:
    repo = make_repo({"deep/a.py": ""})
    (tmp_path / "plain").mkdir()
    with pytest.raises(NotARepository, match="not the top folder"):
        open_repository(repo.root / "deep", seconds=30)
    with pytest.raises(NotARepository, match="not a git repository"):
        open_repository(tmp_path / "plain", seconds=30)
    repo.git("config", "core.worktree", str(tmp_path))
    with pytest.raises(NotARepository, match="not the top folder"):
        opened(repo)


def test_a_bare_repository_has_nothing_to_review(make_repo: MakeRepo, tmp_path: Path) -> None:
    repo = make_repo({"a.py": ""})
    repo.git("clone", "--quiet", "--bare", ".", str(tmp_path / "bare"))
    with pytest.raises(NotARepository):
        open_repository(tmp_path / "bare", seconds=30)


def test_a_linked_working_tree_is_a_repository(make_repo: MakeRepo, tmp_path: Path) -> None:
    make_repo({"a.py": ""}).git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    assert open_repository(tmp_path / "side", seconds=30).branch == "side"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files to another user")
def test_a_repository_of_another_user_can_be_opened(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.py": ""})
    for folder, _, files in os.walk(repo.root):
        for path in (folder, *(os.path.join(folder, name) for name in files)):
            os.chown(path, 65534, 65534)
    assert opened(repo).head is not None


def test_the_common_commit_with_a_base_is_found(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.py": "1\n"})
    fork = repo.git("rev-parse", "HEAD")
    repo.git("tag", "v1")
    repo.git("checkout", "--quiet", "-b", "feature")
    repo.commit({"a.py": "2\n"})
    repo.git("checkout", "--quiet", "main")
    repo.commit({"b.py": "3\n"})
    repo.git("checkout", "--quiet", "feature")
    assert merge_base(opened(repo), "main") == merge_base(opened(repo), "v1") == merge_base(opened(repo), fork) == fork


@pytest.mark.parametrize(
    "base", ["no-such", "--output=/tmp/x", "-n", "--", "a b", "x\ny", "main\0", "a" * 300, "ffffffff", "main:"]
)
def test_a_base_that_is_no_commit_or_looks_like_an_option_is_refused(make_repo: MakeRepo, base: str) -> None:
    with pytest.raises(UnknownBase):
        merge_base(opened(make_repo({"a.py": ""})), base)


def test_a_base_without_common_history_is_refused(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.py": ""})
    repo.git("checkout", "--quiet", "--orphan", "other")
    repo.commit({"b.py": ""})
    with pytest.raises(UnknownBase, match="in common"):
        merge_base(opened(repo), "main")


@pytest.mark.parametrize(
    ("remote", "name"),
    [
        ("https://user:password@host.example/acme/shop.git", "acme/shop"),
        ("git@host.example:acme/shop.git", "acme/shop"),
        ("ssh://git@host.example:22/group/acme/shop", "acme/shop"),
        ("https://user:password@host.example/shop", "folder"),
        ("/srv/git/shop.git", "folder"),
        (None, "folder"),
    ],
)
def test_a_name_is_taken_from_the_remote_without_what_else_it_holds(remote: str | None, name: str) -> None:
    assert repository_name(remote, Path("/srv/folder")) == name
