"""Which tests of dialects are run on both engines.

What a dialect does with a request does not depend on the database: its operations all go through the same statements,
which the tests of the engine run on both. So every operation is tried on both here, and what random requests find;
everything else is on SQLite, unless the suite is told to be thorough (`RUNYARD_TEST_THOROUGH=1`).
"""

from __future__ import annotations

import pytest

from tests.support.effort import THOROUGH

ON_BOTH = ("test_it_works", "test_every_answer_is_as_")
"""How the tests are called that are run on both."""


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make no tests on PostgreSQL of what nothing but the database would tell apart."""
    test = metafunc.definition
    if THOROUGH or "engine" not in metafunc.fixturenames or test.name.startswith(ON_BOTH):
        return
    told = " ".join(str(mark.args[0]) for mark in test.iter_markers("parametrize"))
    if "engine" not in told:
        test.add_marker(pytest.mark.parametrize("engine", ["sqlite"], indirect=True))
