"""No test of the SDK waits for dice, and none sees the credentials of whoever runs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from runyard.sdk import Client, connection
from runyard.sdk.exchange import Patience

Answering = Callable[[httpx2.Request], httpx2.Response]


@pytest.fixture(autouse=True)
def quick_and_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Dice that always show nought, an empty environment and no credentials file."""
    monkeypatch.setattr(connection, "patience", lambda retries: Patience(retries=retries, dice=lambda: 0.0))
    for name in ("RUNYARD_URL", "RUNYARD_KEY", "RUNYARD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RUNYARD_CREDENTIALS", str(tmp_path / "none.json"))


@pytest.fixture
def client_of() -> Callable[[Answering], Client]:
    """A blocking client whose server is a function."""
    return lambda answer: Client("http://yard.test", "ry_key", transport=httpx2.MockTransport(answer))
