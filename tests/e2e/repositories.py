"""Small git repositories with something to find in them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

CLEAN = '"""A module."""\n\n\ndef double(number: int) -> int:\n    """Twice the number."""\n    return number * 2\n'
BROKEN = "def broken(:\n    pass\n"
CARELESS = "import subprocess\n\n\ndef run(command):\n    return subprocess.call(command, shell=True)\n"


def repository(folder: Path, files: dict[str, str]) -> Path:
    """A new repository with these files committed."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, files)
    return folder


def commit(folder: Path, files: dict[str, str]) -> None:
    """Write these files and commit them."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "change")


def git(folder: Path, *arguments: str) -> None:
    """Run git, with nobody's settings."""
    who = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    for role in ("AUTHOR", "COMMITTER"):
        who |= {f"GIT_{role}_NAME": "Tester", f"GIT_{role}_EMAIL": "tester@example.org"}
    subprocess.run(["git", *arguments], cwd=folder, env=os.environ | who, check=True, capture_output=True)
