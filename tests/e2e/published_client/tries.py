"""What a try of a method is, and how tries are noted down."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.e2e.published_client.desk import Desk

LATER = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds")
Try = Callable[[Desk], Any]


def noted(tries: dict[str, Try]) -> Callable[[Try], Try]:
    """A decorator that notes down how the method of a function's name (`runs__list`) is used."""

    def note(made: Try) -> Try:
        tries[made.__name__.replace("__", ".")] = made
        return made

    return note


def telling(desk: Desk) -> str:
    """A run that has something in every list; its id."""
    worker = desk.executing()
    worker.calls.log_run(worker.run_id, {"message": "hello"})
    worker.calls.checkpoint_run(worker.run_id, {"state": {"step": 1}})
    worker.calls.usage_run(worker.run_id, {"provider": "openai", "model": "gpt-4o", "cost_microusd": 5})
    worker.calls.tool_call_run(worker.run_id, {"tool_name": "grep"})
    worker.calls.output_run(worker.run_id, {"key": "report", "value": 1})
    return worker.run_id
