"""The reference says what the code says."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from runyard.domain.states import RUN_MOVES, RunState
from runyard.settings import Settings
from tools import reference

FOLDER = Path(__file__).parent.parent.parent / "docs" / "reference"


def test_every_state_and_verb_is_described():
    page = reference.states_page()
    assert all(f"| `{state.value}` |" in page for state in RunState)
    assert all(f"| `{verb}` |" in page for _, verb in RUN_MOVES)


def test_every_setting_is_described_and_no_folder_of_this_machine_named():
    page = reference.settings_page()
    assert all(f"`RUNYARD_{field.name.upper()}`" in page for field in msgspec.structs.fields(Settings))
    assert str(Path.home()) not in page


@pytest.mark.parametrize("name", sorted(reference.pages()))
def test_the_written_reference_is_up_to_date(name):
    written = (FOLDER / name).read_text(encoding="utf-8")
    assert written == reference.pages()[name], "run `make docs` and commit what it wrote"
