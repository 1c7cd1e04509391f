"""What the written reference says of the operations, to make tests by; a test of its own holds it to the code."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import msgspec

from tests.support.contract import Contract, Operation

WRITTEN = Path(__file__).parents[3] / "docs" / "reference" / "openapi.json"


@functools.cache
def _contract() -> Contract:
    return Contract(msgspec.json.decode(WRITTEN.read_bytes()))


def named(which: Callable[[Operation], object]) -> list[str]:
    """The names of the operations of which this holds."""
    return sorted(one.id for one in _contract().operations if which(one))
