"""What holds before any operation is looked at."""

from __future__ import annotations

from tests.dialects.strait.client import Strait, good, refused


def test_health_needs_no_key(strait: Strait) -> None:
    assert good(strait.as_key(None).get("/health")) == {"status": "ok"}


def test_a_path_that_is_none_is_not_found(strait: Strait) -> None:
    refused(strait.get("/v1/nothing"), 404)
