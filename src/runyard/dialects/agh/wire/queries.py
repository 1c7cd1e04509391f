"""Numbers and flags of queries: documented as what they are, read as texts so that blanks are told from zero."""

from __future__ import annotations

from typing import Annotated

from litestar.params import HeaderParameter, QueryParameter

Number = Annotated[str | None, QueryParameter(schema_extra={"type": "integer", "minimum": 0})]
Flag = Annotated[str | None, QueryParameter(schema_extra={"type": "boolean"})]
LastEventId = Annotated[str | None, HeaderParameter(name="Last-Event-ID")]
"""The last event a client has seen, before `after_sequence`."""
