"""Which tests of dialects are run on both engines.

What a dialect does with a request does not depend on the database: its operations all go through the same statements,
which the tests of the engine run on both. So every operation is tried on both here, and what random requests find;
everything else is on SQLite, unless the suite is told to be thorough (`RUNYARD_TEST_THOROUGH=1`).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.effort import THOROUGH

HERE = Path(__file__).parent
ON_BOTH = ("test_it_works", "test_every_answer_is_as_")
"""How the tests are called that are run on both."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out on PostgreSQL what nothing but the database would tell apart."""
    left_out = [] if THOROUGH else [item for item in items if _is_left_out(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not _is_left_out(item)]


def _is_left_out(item: pytest.Item) -> bool:
    if HERE not in item.path.parents or item.name.startswith(ON_BOTH):
        return False
    spec = getattr(item, "callspec", None)
    return spec is not None and spec.params.get("engine") == "postgres"
