"""What the published client does when the server has too much to do (contract §2)."""

from __future__ import annotations

import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bamboosnow
import pytest

from runyard.storage import pending
from tests.dialects.bamboosnow import client
from tests.dialects.bamboosnow.client import Snow, good
from tests.support.stand import Stand, settings_in
from tests.support.stores import AnyStore, Clock

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client waited between its attempts; it does not wait for real."""
    waited: list[float] = []
    monkeypatch.setattr("bamboosnow.http.time", types.SimpleNamespace(sleep=waited.append))
    return waited


def published(snow: Snow) -> bamboosnow.BambooSnowClient:
    """The published client with the same key."""
    return bamboosnow.BambooSnowClient(snow.key, base_url=f"{snow.stand.url}/bamboosnow")


def test_it_comes_back_after_503_and_the_run_is_made_once(
    snow: Snow, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = snow.agent()
    monkeypatch.setattr(pending, "QUEUE_LIMIT", 0)

    def wait(seconds: float) -> None:
        waits.append(seconds)
        monkeypatch.setattr(pending, "QUEUE_LIMIT", 20_000)

    monkeypatch.setattr("bamboosnow.http.time", types.SimpleNamespace(sleep=wait))
    with published(snow) as there:
        asked: Any = there.agents.trigger(agent["id"], {"n": 1})
    assert waits == [1]
    assert [one["id"] for one in good(snow.get("/v1/runs"))["data"]] == [asked["run_id"]]


def test_it_gives_up_after_three_attempts_with_our_words(
    snow: Snow, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = snow.agent()
    monkeypatch.setattr(pending, "QUEUE_LIMIT", 0)
    with published(snow) as there, pytest.raises(bamboosnow.APIError) as caught:
        there.agents.pause(agent["id"])
    assert (caught.value.status_code, waits) == (503, [1, 2])
    assert "too many writes" in caught.value.message


@pytest.fixture
def hurried(store: AnyStore, clock: Clock, tmp_path: Path) -> Iterator[Snow]:
    """A key that may ask three times a minute."""
    stand = Stand(store, clock, settings_in(tmp_path, rate_limit_per_key=3))
    try:
        stand.fresh()
        yield client.snow(stand)
    finally:
        stand.close()


def test_it_waits_as_long_as_429_says(hurried: Snow, waits: list[float]) -> None:
    with published(hurried) as there:
        for _ in range(3):
            there.runs.list()
        with pytest.raises(bamboosnow.RateLimitError) as caught:
            there.runs.list()
    retry_after = caught.value.retry_after
    assert retry_after is not None
    assert 1 <= retry_after <= 60
    assert [type(one) for one in waits] == [int, int]
