"""What queries and headers hold.

All is text until a handler reads it: the contract has words of its own for what is wrong.
"""

from __future__ import annotations

from typing import Annotated

from litestar.params import HeaderParameter, QueryParameter

Limit = Annotated[str | None, QueryParameter(schema_extra={"type": "integer", "default": 100, "maximum": 100})]
Offset = Annotated[str | None, QueryParameter(schema_extra={"type": "integer", "default": 0})]
Lines = Annotated[
    str | None, QueryParameter(schema_extra={"type": "integer", "default": 1000, "minimum": 1, "maximum": 5000})
]
Skipped = Annotated[str | None, QueryParameter(schema_extra={"type": "integer", "default": 0, "minimum": 0})]
Number = Annotated[str | None, QueryParameter(schema_extra={"type": "integer"})]
Instant = Annotated[str | None, QueryParameter(schema_extra={"format": "date-time"})]
Start = Annotated[str | None, QueryParameter(schema_extra={"enum": ["latest"]})]
LastEventId = Annotated[str | None, HeaderParameter(name="Last-Event-ID")]
IfMatch = Annotated[
    str | None, HeaderParameter(name="If-Match", description='The SHA-256 of what is replaced in quotes, or "none".')
]
SandboxId = Annotated[str | None, HeaderParameter(name="X-Sandbox-ID")]
RunToken = Annotated[str | None, HeaderParameter(name="X-Task-Run-Token", description="A token of the run's sandbox.")]
