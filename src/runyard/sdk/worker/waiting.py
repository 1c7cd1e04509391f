"""Waiting for whichever comes first."""

from __future__ import annotations

import asyncio
from typing import Any


async def first(*waits: Any) -> None:
    """Wait for the first of these; coroutines among the others are cancelled, tasks and futures are left alone."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task, wait in zip(tasks, waits, strict=True):
            if task is not wait:
                task.cancel()
