import os

from runyard.agents.code_reviewer.files import SourceFile, select
from runyard.agents.code_reviewer.request import Limits, ReviewRequest
from runyard.agents.repository import merge_base, open_repository
from tests.agents.conftest import MakeRepo, Repo


def chosen(
    repo: Repo,
    *,
    base: str | None = None,
    limits: Limits | None = None,
    include: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
) -> tuple[dict[str, SourceFile], dict[str, str]]:
    repository = open_repository(repo.root, seconds=30)
    request = ReviewRequest(path=str(repo.root), include=include, exclude=exclude)
    selection = select(repository, request, limits or Limits(), merge_base(repository, base) if base else None)
    return {file.path: file for file in selection.files}, {file.file: file.reason for file in selection.skipped}


def test_tracked_files_are_chosen_and_no_others(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.py": "x = 1\ny = 2", "b/c.txt": "hello\n", "empty": "", "gone.py": ""})
    repo.write({"untracked.py": ""})
    (repo.root / "gone.py").unlink()
    files, skipped = chosen(repo)
    assert {path: file.lines for path, file in files.items()} == {"a.py": 2, "b/c.txt": 1, "empty": 0}
    assert skipped == {}


def test_python_is_known_by_name_or_by_first_line(make_repo: MakeRepo) -> None:
    repo = make_repo(
        {"a.py": "", "b.pyi": "", "tool": "#!/usr/bin/env python3\n", "sh": "#!/bin/sh\npython\n", "c.txt": ""}
    )
    files, _ = chosen(repo)
    assert [path for path, file in files.items() if file.is_python] == ["a.py", "b.pyi", "tool"]


def test_binaries_large_files_and_links_out_are_skipped_with_the_reason(make_repo: MakeRepo) -> None:
    repo = make_repo({"logo.bin": b"\x89\0\1", "large.txt": "x" * 200, "inside.txt": "y"})
    (repo.root / "out").symlink_to("/etc/passwd")
    (repo.root / "in").symlink_to("inside.txt")
    (repo.root / "dangling").symlink_to("nowhere")
    repo.commit()
    files, skipped = chosen(repo, limits=Limits(max_file_bytes=100))
    assert list(files) == ["inside.txt"]
    assert skipped == {
        "logo.bin": "binary",
        "large.txt": "larger than 100 bytes (200)",
        "out": "symbolic link that leads out of the repository",
    }


def test_a_folder_replaced_by_a_link_is_not_followed(make_repo: MakeRepo) -> None:
    repo = make_repo({"folder/hosts": "x\n"})
    (repo.root / "folder" / "hosts").unlink()
    (repo.root / "folder").rmdir()
    (repo.root / "folder").symlink_to("/etc")
    files, skipped = chosen(repo)
    assert (files, skipped) == ({}, {"folder/hosts": "lies behind a symbolic link"})


def test_submodules_are_left_to_their_own_reviews(make_repo: MakeRepo) -> None:
    other, repo = make_repo({"x.py": ""}, name="other"), make_repo({"a.py": ""})
    repo.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other.root), "module")
    repo.commit()
    assert sorted(chosen(repo)[0]) == [".gitmodules", "a.py"]
    assert sorted(chosen(repo, base="HEAD~1")[0]) == [".gitmodules"]


def test_names_of_any_kind_are_handled(make_repo: MakeRepo) -> None:
    names = ["with space.py", "-dash.py", "@at.py", "ünïcode.py", 'quo"te.py', "new\nline.py", "*.py", ":(top)x.py"]
    repo = make_repo(dict.fromkeys(names, "x = 1\n"))
    (repo.root / os.fsdecode(b"\xff.py")).write_text("x = 1\n")
    repo.commit()
    files, skipped = chosen(repo)
    assert sorted(files) == sorted(names)
    assert skipped == {"\ufffd.py": "its name is not UTF-8"}
    repo.commit(dict.fromkeys(names, "x = 1\ny = 2\n"))
    files, _ = chosen(repo, base="HEAD~1")
    assert {path: file.changed for path, file in files.items()} == dict.fromkeys(names, ((2, 2),))


def test_with_a_base_only_what_changed_since_the_fork_is_chosen(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.py": "1\n2\n3\n", "b.py": "1\n", "gone.py": "1\n", "mode.sh": "1\n"})
    repo.git("checkout", "--quiet", "-b", "feature")
    repo.commit({"a.py": "1\nnew\n3\n4\n", "added.py": "1\n2\n"})
    repo.git("rm", "--quiet", "gone.py")
    (repo.root / "mode.sh").chmod(0o755)
    repo.commit()
    repo.git("checkout", "--quiet", "main")
    repo.commit({"b.py": "changed on main\n"})
    repo.git("checkout", "--quiet", "feature")
    repo.write({"b.py": "not committed yet\n"})
    files, _ = chosen(repo, base="main")
    changed = {path: file.changed for path, file in files.items()}
    assert changed == {"a.py": ((2, 2), (4, 4)), "added.py": ((1, 2),), "b.py": ((1, 1),), "mode.sh": ()}
    assert {path: file.lines_under_review for path, file in files.items()} == {
        "a.py": 2,
        "added.py": 2,
        "b.py": 1,
        "mode.sh": 0,
    }


def test_an_attribute_cannot_hide_a_change(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.py": "x = 1\n"})
    repo.commit({"a.py": "x = 2\n", ".gitattributes": "*.py -diff\n"})
    assert chosen(repo, base="HEAD~1")[0]["a.py"].changed is None


def test_globs_choose_and_leave_out(make_repo: MakeRepo) -> None:
    repo = make_repo(
        dict.fromkeys(["a.py", "a.txt", "src/b.py", "src/deep/c.py", "tests/d.py", "src/tests/e.py"], "1\n")
    )
    assert sorted(chosen(repo, include=("*.txt",))[0]) == ["a.txt"]
    assert sorted(chosen(repo, include=("src/",))[0]) == ["src/b.py", "src/deep/c.py", "src/tests/e.py"]
    assert sorted(chosen(repo, include=("src/*.py",))[0]) == ["src/b.py"]
    assert sorted(chosen(repo, include=("src/**",), exclude=("tests",))[0]) == ["src/b.py", "src/deep/c.py"]
    assert sorted(chosen(repo, exclude=("*.py",))[0]) == ["a.txt"]
    assert sorted(chosen(repo, include=("/a.py",))[0]) == ["a.py"]
    assert chosen(repo, include=("nothing/*",))[0] == {}


def test_more_files_than_allowed_are_said_to_be_left_out(make_repo: MakeRepo) -> None:
    files, skipped = chosen(make_repo({f"{n}.txt": "" for n in range(5)}), limits=Limits(max_files=3))
    assert (sorted(files), sorted(skipped)) == (["0.txt", "1.txt", "2.txt"], ["3.txt", "4.txt"])
