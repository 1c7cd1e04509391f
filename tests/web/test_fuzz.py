"""Whatever a client sends, the plumbing answers as its document says, and never with a 5xx."""

from __future__ import annotations

import warnings
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

from tests.web.conftest import READER, WRITER, House

FEW = settings(max_examples=6, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


# A schema cannot say that 3.0 is no integer here, nor that what is unknown is ignored.
STRICTER: Any = [checks.positive_data_acceptance, checks.negative_data_rejection]


@pytest.mark.parametrize("mode", [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE])
@pytest.mark.filterwarnings("ignore")
def test_every_answer_is_as_documented(house: House, mode: schemathesis.GenerationMode) -> None:
    app: Any = house.app()
    schema = schemathesis.openapi.from_asgi("/small/openapi.json", app).exclude(path_regex="/v1/fail")
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) == 8
    for operation in operations:
        _try(operation, mode)


def _try(operation: Any, mode: schemathesis.GenerationMode) -> None:
    key = READER if operation.method.upper() == "GET" else WRITER

    @FEW
    @hypothesis.given(operation.as_strategy(generation_mode=mode))
    def check(case: schemathesis.Case[Any]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            case.call_and_validate(headers={"Authorization": f"Bearer {key}"}, excluded_checks=STRICTER)

    check()
