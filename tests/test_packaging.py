"""A wheel built from the tree contains all that Runyard needs, and the locks depend on no particular machine."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    finished = subprocess.run(build, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    (path,) = folder.glob("runyard-*.whl")
    return zipfile.Path(path)


def names(wheel: zipfile.Path) -> set[str]:
    return set(wheel.root.namelist())


def test_the_wheel_contains_every_file_of_the_package(wheel):
    source = ROOT / "src"
    files = {str(path.relative_to(source)) for path in (source / "runyard").rglob("*") if path.is_file()}
    assert {name for name in files if not name.endswith(".pyc")} <= names(wheel)


@pytest.mark.parametrize(
    "needed", [r"py\.typed", r"storage/migrations/sqlite/.*\.sql", r"storage/migrations/postgres/.*\.sql"]
)
def test_the_wheel_contains_what_is_read_at_run_time(wheel, needed):
    assert any(re.fullmatch(f"runyard/{needed}", name) for name in names(wheel))


def test_the_wheel_contains_nothing_but_the_package(wheel):
    assert {name.split("/")[0] for name in names(wheel)} == {"runyard", f"runyard-{version()}.dist-info"}


def test_the_wheel_declares_the_command_and_the_version(wheel):
    info = wheel / f"runyard-{version()}.dist-info"
    assert "runyard = runyard.cli.main:main" in (info / "entry_points.txt").read_text()
    assert f"\nVersion: {version()}\n" in (info / "METADATA").read_text()
    assert (info / "licenses" / "LICENSE").exists()


def version() -> str:
    from runyard import __version__

    return __version__


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_pins_and_hashes_everything_and_names_no_address(lock):
    text = lock.read_text()
    assert not re.search(r"://|^\s*-|\s@\s", text.replace("    --hash=sha256:", ""), re.MULTILINE)
    for entry in re.split(r"\n(?=\S)", text.strip()):
        assert re.match(r"[a-z0-9.-]+==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry


def test_the_lock_holds_every_direct_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = set(re.findall(r"^([a-z0-9.-]+)==", (ROOT / "requirements" / "runtime.lock").read_text(), re.MULTILINE))
    assert {re.split(r"[^a-z0-9.-]", dependency)[0] for dependency in project["dependencies"]} <= locked
