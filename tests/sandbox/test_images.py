"""What may be named as an image."""

from __future__ import annotations

from pathlib import Path

import pytest

from runyard.domain.errors import Invalid
from runyard.sandbox import check_image
from runyard.sandbox.images import Program, program
from runyard.settings import Settings


def folder(path: Path) -> Path:
    """A folder with an executable `run`."""
    path.mkdir(parents=True)
    (path / "run").write_text("#!/bin/sh\necho ran\n")
    (path / "run").chmod(0o755)
    return path


def test_a_command_is_split_like_a_shell_would() -> None:
    assert program("command: sh -c 'echo \"a b\"' x") == Program(words=("sh", "-c", 'echo "a b"', "x"))
    assert program("network+command:true") == Program(words=("true",), network=True)


@pytest.mark.parametrize(
    ("image", "why"),
    [
        ("", "is `command: …` or the absolute path"),
        ("registry.example/agent:1", "container images are not pulled"),
        ("relative/folder", "container images are not pulled"),
        ("command:", "is empty"),
        ("command: ''", "is empty"),
        ("command: 'open", "cannot be read"),
        ("command: a\0b", "NUL"),
        ("command: " + "x" * 5000, "4096"),
    ],
)
def test_what_is_no_image_is_refused_with_a_reason(image: str, why: str) -> None:
    with pytest.raises(Invalid, match=why.replace("(", r"\(")):
        check_image(image, Settings())


def test_a_folder_must_lie_below_an_allowed_root_and_hold_a_program(tmp_path: Path) -> None:
    inside, outside = folder(tmp_path / "agents" / "one"), folder(tmp_path / "elsewhere")
    settings = Settings(managed_roots=(str(tmp_path / "agents"),))
    assert check_image(str(inside), settings) == Program(folder=str(inside))
    (tmp_path / "agents" / "empty").mkdir()
    (tmp_path / "agents" / "way").symlink_to(outside)
    for image in (str(outside), f"{inside}/../../elsewhere", str(tmp_path / "agents" / "way")):
        with pytest.raises(Invalid, match="RUNYARD_MANAGED_ROOTS"):
            check_image(image, settings)
    with pytest.raises(Invalid, match="no executable"):
        check_image(str(tmp_path / "agents" / "empty"), settings)
    with pytest.raises(Invalid, match="RUNYARD_MANAGED_ROOTS"):
        check_image(str(inside), Settings())


def test_the_network_is_asked_for_and_must_be_allowed() -> None:
    with pytest.raises(Invalid, match="RUNYARD_MANAGED_NETWORK"):
        check_image("network+command: true", Settings())
    assert check_image("network+command: true", Settings(managed_network=True)).network
