"""What the SDK understands of repositories is what the native API says."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from runyard.dialects.native.wire import repositories as wire
from runyard.sdk import models
from runyard.sdk.calls import repositories


def names(struct: Any) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(struct)}


@pytest.mark.parametrize("name", ["Repository", "RepositoryHook", "ReceivedDelivery", "DeliveredRun", "RefusedRun"])
def test_every_field_of_an_answer_is_known(name: str) -> None:
    assert names(getattr(wire, name)) == names(getattr(models, name))


@pytest.mark.parametrize(
    ("call", "shape"),
    [
        (
            repositories.connect("local", "a/b", url="u", path="p", default_branch="m", description="d", private=True),
            wire.RepositoryIn,
        ),
        (
            repositories.update(
                "x", full_name="a/b", url="u", path="p", default_branch="m", description="d", private=True
            ),
            wire.RepositoryPatch,
        ),
    ],
)
def test_what_may_be_said_is_what_is_understood(call: Any, shape: type) -> None:
    body = call.body
    assert set(msgspec.json.decode(body)) == names(shape)
    msgspec.json.decode(body, type=shape)
