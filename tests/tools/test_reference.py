"""The reference says what the code says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from runyard.cli.commands import ALONE, NOUNS
from runyard.cli.exits import Exit
from runyard.domain.states import RUN_MOVES, RunState
from runyard.settings import Settings
from tools import reference

FOLDER = Path(__file__).parent.parent.parent / "docs" / "reference"


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """The pages by name, as they would be written now."""
    return reference.pages()


def test_every_state_and_verb_is_described():
    page = reference.states_page()
    assert all(f"| `{state.value}` |" in page for state in RunState)
    assert all(f"| `{verb}` |" in page for _, verb in RUN_MOVES)


def test_every_setting_is_described_and_no_folder_of_this_machine_named():
    page = reference.settings_page()
    assert all(f"`RUNYARD_{field.name.upper()}`" in page for field in msgspec.structs.fields(Settings))
    assert str(Path.home()) not in page


def test_every_command_and_every_option_that_all_take_is_described(pages):
    page = pages["cli.md"]
    names = [name for name, *_ in ALONE] + [f"{noun} {verb}" for noun, _, _, verbs in NOUNS for verb, *_ in verbs]
    assert all(f"# runyard {name}\n" in page for name in names)
    asked = subprocess.run([sys.executable, "-m", "runyard", "--help"], capture_output=True, text=True, check=True)
    everywhere = asked.stdout.partition("Everywhere")[2]
    assert all(option in page.partition("## Exit codes")[0] for option in re.findall(r"--[a-z-]+", everywhere))


def test_every_operation_of_the_api_is_described(pages):
    page, document = pages["http.md"], json.loads(pages["openapi.json"])
    operations = [(method, path) for path, methods in document["paths"].items() for method in methods]
    assert len(operations) > 50
    assert all(f"| `{method.upper()} {path}` |" in page for method, path in operations)


def test_every_exit_code_is_described(pages):
    page = pages["cli.md"]
    assert all(f"| {code} | " in page for code in Exit)


def test_the_written_reference_is_up_to_date(pages):
    for name, text in pages.items():
        written = (FOLDER / name).read_text(encoding="utf-8")
        assert written == text, f"{name}: run `make docs` and commit what it wrote"
