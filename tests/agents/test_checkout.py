import os
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runyard.agents.assignments import AssignedCommit, AssignedPullRequest, AssignedRepository, Assignment
from runyard.agents.checkout import checkout
from runyard.agents.errors import BadRequest, Cancelled, NotReachable, OutsideRoots, TimeLimit
from runyard.agents.repository import merge_base, open_repository
from runyard.agents.settings import AgentSettings, CloneLimits
from tests.agents.conftest import MakeRepo, Repo
from tests.agents.git_server import GitServer, serving

TRUSTING = AgentSettings(allow_private=True)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    (tmp_path / "roots").mkdir(exist_ok=True)
    with serving(tmp_path / "roots") as server:
        yield server


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))


def left_behind() -> list[str]:
    return os.listdir(tempfile.gettempdir())


def at(url: str | None = None, path: str | None = None, **more: Any) -> Assignment:
    found = AssignedRepository(id="r", provider="git", full_name="acme/shop", default_branch="main", url=url, path=path)
    return Assignment(run_id="x", repository=found, **more)


def names(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if name != ".git")


def test_a_local_repository_is_used_in_place(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.py": ""})
    settings = AgentSettings(roots=(repo.root.parent,))
    with checkout(at(path=str(repo.root)), settings) as folder:
        assert folder == repo.root
    with checkout(Assignment(run_id="x", payload={"path": str(repo.root)}), settings) as folder:
        assert folder == repo.root
    assert names(repo.root) == ["a.py"]
    with pytest.raises(OutsideRoots), checkout(at(path="/etc"), settings):
        pass


def test_without_a_repository_the_answer_says_what_to_do() -> None:
    with pytest.raises(BadRequest, match="connect one"), checkout(Assignment(run_id="x"), TRUSTING):
        pass
    with pytest.raises(BadRequest, match="`path`"), checkout(Assignment(run_id="x", payload={"path": 7}), TRUSTING):
        pass


def test_the_default_branch_is_cloned_and_gone_afterwards(make_repo: MakeRepo, server: GitServer) -> None:
    repo = make_repo({"a.py": "old\n"})
    repo.commit({"a.py": "new\n", "read-only/b.py": ""})
    with checkout(at(server.url("project")), TRUSTING) as folder:
        assert names(folder) == ["a.py", "read-only"]
        assert (folder / "a.py").read_text() == "new\n"
        assert folder.stat().st_mode & 0o077 == 0
        assert open_repository(folder, seconds=30).head == repo.git("rev-parse", "HEAD")
        assert Repo.git(at_folder(folder), "rev-list", "--count", "HEAD") == "1"
        (folder / "read-only").chmod(0o500)
    assert left_behind() == []


def at_folder(folder: Path) -> Repo:
    repo = object.__new__(Repo)
    repo.root = folder
    return repo


def test_the_commit_of_a_push_is_cloned_even_when_the_branch_went_on(make_repo: MakeRepo, server: GitServer) -> None:
    repo = make_repo({"a.py": "pushed\n"})
    pushed = repo.git("rev-parse", "HEAD")
    repo.commit({"a.py": "later\n"})
    for payload in ({}, {"ref": "refs/heads/main"}):
        assignment = at(server.url("project"), commit=AssignedCommit(sha=pushed), payload=payload)
        with checkout(assignment, TRUSTING) as folder:
            assert (folder / "a.py").read_text() == "pushed\n"


def test_a_branch_or_tag_is_cloned_by_its_name(make_repo: MakeRepo, server: GitServer) -> None:
    repo = make_repo({"a.py": "tagged\n"})
    repo.git("tag", "--annotate", "--message", "x", "v1")
    repo.git("checkout", "--quiet", "-b", "feature/x")
    repo.commit({"a.py": "feature\n"})
    for ref, text in (("feature/x", "feature\n"), ("refs/heads/feature/x", "feature\n"), ("refs/tags/v1", "tagged\n")):
        with checkout(at(server.url("project"), payload={"ref": ref}), TRUSTING) as folder:
            assert (folder / "a.py").read_text() == text


def test_the_head_of_a_pull_request_is_cloned_with_its_base(make_repo: MakeRepo, server: GitServer) -> None:
    repo = make_repo({"a.py": "1\n"})
    fork = repo.git("rev-parse", "HEAD")
    repo.git("checkout", "--quiet", "--detach")
    repo.commit({"b.py": "from a fork\n"})
    repo.git("update-ref", "refs/pull/7/head", "HEAD")
    repo.git("checkout", "--quiet", "main")
    repo.commit({"c.py": "meanwhile\n"})
    assignment = at(
        server.url("project"),
        pull_request=AssignedPullRequest(number=7),
        payload={"pull_request": {"number": 7, "head": "feature", "base": "main"}},
    )
    with checkout(assignment, TRUSTING) as folder:
        assert names(folder) == ["a.py", "b.py"]
        assert merge_base(open_repository(folder, seconds=30), "main") == fork


def test_an_older_base_is_found_in_the_history(make_repo: MakeRepo, server: GitServer) -> None:
    repo = make_repo({"a.py": "1\n"})
    first = repo.git("rev-parse", "HEAD")
    repo.commit({"a.py": "2\n"})
    for base in ("HEAD~1", first):
        with checkout(at(server.url("project"), config={"base": base}), TRUSTING) as folder:
            assert merge_base(open_repository(folder, seconds=30), base) == first


def test_a_commit_or_branch_that_is_not_there_is_told(make_repo: MakeRepo, server: GitServer) -> None:
    make_repo({"a.py": ""})
    missing = at(server.url("project"), payload={"ref": "nowhere"})
    with pytest.raises(BadRequest, match="no nowhere"), checkout(missing, TRUSTING):
        pass
    unknown = at(server.url("project"), commit=AssignedCommit(sha="1" * 40))
    with pytest.raises(BadRequest, match="1111"), checkout(unknown, TRUSTING):
        pass
    with pytest.raises(BadRequest, match="40"), checkout(at("https://x", commit=AssignedCommit(sha="ab")), TRUSTING):
        pass
    assert left_behind() == []


def test_a_repository_that_is_not_there_may_be_tried_again(server: GitServer) -> None:
    with pytest.raises(NotReachable, match="could not be cloned"), checkout(at(server.url("nowhere")), TRUSTING):
        pass
    assert left_behind() == []


def test_a_name_like_an_option_or_a_pattern_is_not_given_to_git(server: GitServer) -> None:
    for ref in ("--upload-pack=touch /tmp/x", "refs/heads/*:refs/heads/*", "+main", "a..b", "x y"):
        assignment = at(server.url("project"), payload={"ref": ref})
        with pytest.raises(BadRequest, match="no name"), checkout(assignment, TRUSTING):
            pass
    assert server.asked == []


def test_a_redirect_is_not_followed(make_repo: MakeRepo, server: GitServer, tmp_path: Path) -> None:
    make_repo({"a.py": ""})
    with serving(tmp_path / "roots") as other:
        server.redirect_to = other.url("").rstrip("/")
        with pytest.raises(NotReachable), checkout(at(server.url("project")), TRUSTING):
            pass
        assert (len(server.asked), other.asked) == (1, [])


def test_git_is_pinned_to_the_address_that_was_judged(make_repo: MakeRepo, server: GitServer) -> None:
    make_repo({"a.py": ""})
    url = f"http://code.example:{server.server_port}/project"
    with checkout(at(url), TRUSTING, resolve=lambda _host, _port: ["127.0.0.1"]) as folder:
        assert names(folder) == ["a.py"]
    assert server.headers[0]["host"] == f"code.example:{server.server_port}"


def test_private_addresses_are_refused_before_anybody_is_asked(make_repo: MakeRepo, server: GitServer) -> None:
    make_repo({"a.py": ""})
    url = f"https://127.0.0.1:{server.server_port}/project"
    with pytest.raises(BadRequest, match="RUNYARD_ALLOW_PRIVATE_ENDPOINTS"), checkout(at(url), AgentSettings()):
        pass
    assert server.asked == []


def test_no_credentials_of_the_machine_are_sent(
    make_repo: MakeRepo, server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_repo({"a.py": ""})
    home = tmp_path / "home"
    home.mkdir()
    (home / ".netrc").write_text("machine 127.0.0.1 login me password sesame\n")
    (home / ".gitconfig").write_text('[http]\n\textraHeader = "Authorization: Bearer sesame"\n')
    monkeypatch.setenv("HOME", str(home))
    with checkout(at(server.url("project")), TRUSTING):
        pass
    assert "sesame" not in str(server.headers)
    assert all("authorization" not in headers for headers in server.headers)


def test_submodules_and_filters_of_a_clone_stay_alone(make_repo: MakeRepo, server: GitServer, tmp_path: Path) -> None:
    inner = make_repo({"a.py": ""}, name="inner")
    repo = make_repo({".gitattributes": "* filter=evil\n", "b.py": ""})
    repo.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.root), "inner")
    repo.commit()
    with checkout(at(server.url("project")), TRUSTING) as folder:
        assert names(folder) == [".gitattributes", ".gitmodules", "b.py", "inner"]
        assert names(folder / "inner") == []
    assert not any("inner" in asked for asked in server.asked)


def limited(**limits: Any) -> AgentSettings:
    return msgspec.structs.replace(TRUSTING, clone=CloneLimits(**limits))


def test_a_repository_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(
    make_repo: MakeRepo, server: GitServer
) -> None:
    make_repo({f"{number}.bin": bytes([number]) * (1 << 20) for number in range(4)})
    with (
        pytest.raises(BadRequest, match="RUNYARD_CLONE_MB"),
        checkout(at(server.url("project")), limited(total_bytes=2 << 20)),
    ):
        pass
    assert left_behind() == []


def test_a_repository_whose_pack_is_too_large_is_not_taken(make_repo: MakeRepo, server: GitServer) -> None:
    make_repo({"random.bin": os.urandom(3 << 20)})
    with (
        pytest.raises(BadRequest, match="RUNYARD_CLONE_MB"),
        checkout(at(server.url("project")), limited(total_bytes=1 << 20)),
    ):
        pass
    assert left_behind() == []


def test_a_host_that_stalls_is_left_after_the_time_there_is(make_repo: MakeRepo, server: GitServer) -> None:
    make_repo({"a.py": ""})
    server.stall.set()
    with pytest.raises(TimeLimit), checkout(at(server.url("project")), limited(seconds=1.0)):
        pass
    assert left_behind() == []


def test_a_clone_is_cancelled_within_a_second(make_repo: MakeRepo, server: GitServer) -> None:
    make_repo({"a.py": ""})
    server.stall.set()
    cancelled = threading.Event()
    asked_at: list[float] = []

    def cancel() -> bool:
        if server.asked and not asked_at:
            asked_at.append(time.monotonic())
            cancelled.set()
        return cancelled.is_set()

    with pytest.raises(Cancelled), checkout(at(server.url("project")), TRUSTING, cancelled=cancel):
        pass
    assert time.monotonic() - asked_at[0] < 15  # one, on a machine with nothing else to do
    assert left_behind() == []


def test_what_a_killed_process_left_is_removed_by_the_next(make_repo: MakeRepo, server: GitServer) -> None:
    make_repo({"a.py": ""})
    for number in (2**22 + 1, os.getpid()):
        Path(tempfile.gettempdir(), f"runyard-checkout-{number}-abc").mkdir()
    with checkout(at(server.url("project")), TRUSTING):
        assert f"runyard-checkout-{2**22 + 1}-abc" not in left_behind()
    assert left_behind() == [f"runyard-checkout-{os.getpid()}-abc"]
