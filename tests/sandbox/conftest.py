"""Programs started as the executor starts them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

import pytest

from runyard.sandbox import available
from runyard.sandbox.images import program
from runyard.sandbox.launch import Running, launch
from runyard.sandbox.limits import Limits
from runyard.settings import Settings

Isolation = Literal["auto", "none"]


class Ended:
    """What came of a program."""

    def __init__(self, code: int, out: bytes, err: bytes) -> None:
        self.code = code
        self.out = out.decode()
        self.err = err.decode()


def run(
    image: str,
    settings: Settings,
    *,
    limits: Limits | None = None,
    environment: Mapping[str, str] | None = None,
    meanwhile: Callable[[Running], Awaitable[None]] | None = None,
) -> Ended:
    """Run the image to its end."""

    async def whole() -> Ended:
        running = await launch(program(image), environment or {}, limits or Limits(), settings)
        try:
            if meanwhile is not None:
                await meanwhile(running)
            async with asyncio.timeout(20):
                out, err = await running.process.communicate()
        finally:
            running.kill()
            running.forget()
        return Ended(running.process.returncode or 0, out, err)

    return asyncio.run(whole())


def python(source: str) -> str:
    """The image that is this Python program."""
    quoted = source.replace("'", "'\\''")
    return f"command: python3 -c '{quoted}'"


@pytest.fixture
def walled() -> Settings:
    """Settings that shut programs in."""
    settings = Settings()
    reason = available(settings)
    if reason is not None:
        pytest.skip(reason)
    return settings


@pytest.fixture(params=["auto", "none"])
def settings(request: pytest.FixtureRequest) -> Settings:
    """Settings of each isolation that works here."""
    settings = Settings(managed_isolation=request.param)
    reason = available(settings)
    if reason is not None:
        pytest.skip(reason)
    return settings
