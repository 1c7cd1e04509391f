from pathlib import Path

import pytest

from runyard.agents.errors import BadRequest, NotARepository, OutsideRoots
from runyard.agents.roots import admit


def test_a_folder_below_a_root_is_admitted(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    assert admit(str(tmp_path / "code"), (tmp_path,)) == (tmp_path / "code").resolve()
    assert admit(str(tmp_path), (tmp_path,)) == tmp_path.resolve()


def test_a_folder_outside_the_roots_is_refused_by_naming_them(tmp_path: Path) -> None:
    root = tmp_path / "roots"
    root.mkdir()
    for path in (tmp_path, tmp_path / "roots-of-others", root / ".." / "elsewhere", Path("/")):
        with pytest.raises(OutsideRoots, match="RUNYARD_REVIEW_ROOTS") as refusal:
            admit(str(path), (root,))
        assert str(root) in str(refusal.value)


def test_a_link_that_leads_out_of_the_roots_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "roots").mkdir()
    (tmp_path / "roots" / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(OutsideRoots):
        admit(str(tmp_path / "roots" / "link"), (tmp_path / "roots",))


def test_a_root_may_itself_be_reached_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "real" / "code").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert admit(str(tmp_path / "link" / "code"), (tmp_path / "link",)) == (tmp_path / "real" / "code").resolve()


def test_what_lies_outside_is_refused_alike_whether_it_exists_or_not(tmp_path: Path) -> None:
    (tmp_path / "roots").mkdir()
    (tmp_path / "there").mkdir()
    for name in ("there", "missing"):
        with pytest.raises(OutsideRoots):
            admit(str(tmp_path / name), (tmp_path / "roots",))


def test_without_roots_nothing_is_admitted(tmp_path: Path) -> None:
    with pytest.raises(OutsideRoots, match="RUNYARD_REVIEW_ROOTS"):
        admit(str(tmp_path), ())


def test_a_missing_folder_a_file_and_a_circle_of_links_are_no_repository(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    for name in ("missing", "file", "circle"):
        with pytest.raises(NotARepository):
            admit(str(tmp_path / name), (tmp_path,))


def test_a_path_must_be_absolute_and_writable_as_a_path(tmp_path: Path) -> None:
    for path in ("code", "./code", "~/code", f"{tmp_path}/a\0b"):
        with pytest.raises(BadRequest, match="absolute"):
            admit(path, (tmp_path,))
