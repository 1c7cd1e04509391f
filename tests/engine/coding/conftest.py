"""Coding tasks on both engines; after each test the rules of tasks hold."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.coding.coding_yard import CodingYard
from tests.support.yard import Yard


@pytest.fixture
def coding(yard: Yard) -> Iterator[CodingYard]:
    """One project's coding tasks."""
    coding = CodingYard(yard)
    yield coding
    coding.check()
