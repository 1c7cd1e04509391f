"""The contracts of the dialects: the OpenAPI documents that their clients go by."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import msgspec


@functools.cache
def document(name: str) -> dict[str, Any]:
    """The OpenAPI document of a dialect."""
    found: dict[str, Any] = msgspec.yaml.decode((Path(__file__).parent / f"{name}.openapi.yaml").read_bytes())
    return found
