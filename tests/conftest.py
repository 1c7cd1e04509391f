"""What every test may use."""

from __future__ import annotations

pytest_plugins = [
    "tests.support.postgres",
    "tests.support.stores",
    "tests.support.endpoints",
    "tests.support.sending",
    "tests.support.hall",
]
