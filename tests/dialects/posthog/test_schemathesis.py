"""Whatever a client makes of the contract's document, the answers are as it says, and none is a bare 5xx."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import httpx2
import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from tests.dialects.posthog.client import Posthog
from tests.dialects.posthog.contract import PREFIX, PosthogContract
from tests.dialects.posthog.recipes import RECIPES, Ask
from tests.support.effort import THOROUGH
from tests.support.endpoints import Endpoint
from tests.support.stores import ENGINES
from tests.support.verbs import exchange

EXAMPLES = 200 if THOROUGH else 4
"""How many requests are made of each operation in either mode: of the thorough on both engines, else on one of them."""
QUIET = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=not THOROUGH,
    database=None,
    # A request that fails says enough as it is; making it smaller takes minutes.
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
LEFT_OUT = {"tasks_runs_stream_retrieve", "tasks_runs_event_stream_create", "users_me_retrieve"}
"""A stream that does not end, one whose lines the document does not describe, and what has nothing to vary."""
MODES = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
CASES = [
    pytest.param(name, mode, engine, id=f"{name}-{mode.value}-{engine}")
    for number, name in enumerate(sorted(RECIPES.keys() - LEFT_OUT))
    for at, mode in enumerate(MODES)
    for which, engine in enumerate(ENGINES)
    if THOROUGH or (number + at + which) % 2
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "mode", "engine"), CASES, indirect=["engine"])
def test_every_answer_is_as_the_contract_says(
    posthog: Posthog, endpoint: Endpoint, contract: PosthogContract, name: str, mode: GenerationMode
) -> None:
    operation: Any = operations(contract)[name]
    ask = RECIPES[name](posthog, endpoint)
    known = dict(zip(contract[name].template.split("/"), ask.full.split("/"), strict=True))

    @QUIET
    @hypothesis.given(operation.as_strategy(generation_mode=mode), st.data())
    def attempt(case: Any, data: st.DataObject) -> None:
        for place in case.path_parameters or {}:
            # Most of the rest is only looked at where what the path names is there.
            if place == "project_id" or data.draw(st.integers(0, 3)):
                case.path_parameters[place] = known[f"{{{place}}}"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sent = case.as_transport_kwargs(base_url=f"{posthog.stand.url}{PREFIX}")
        transmit(ask, sent, known_headers=data.draw(st.booleans()))

    attempt()


def transmit(ask: Ask, sent: dict[str, Any], *, known_headers: bool) -> None:
    """Send the request, with headers that are right or as they were made, and hold its reply to the contract."""
    client = ask.client
    headers = {name.lower(): value for name, value in sent["headers"].items()}
    headers |= ask.headers if known_headers else {}
    headers["authorization"] = f"Bearer {client.key}"
    body: dict[str, Any] = {"json": sent["json"]} if "json" in sent else {"content": sent.get("data")}
    http = client.stand.http
    try:
        request = http.build_request(sent["method"], sent["url"], params=sent.get("params"), headers=headers, **body)
        response = http.send(request)
    except (UnicodeEncodeError, httpx2.InvalidURL, httpx2.LocalProtocolError):
        return  # nobody can send that
    client.contract.check(*exchange(request, response), loose=True)


@functools.cache
def operations(contract: PosthogContract) -> dict[str, Any]:
    """The contract's operations as schemathesis knows them."""
    schema = schemathesis.openapi.from_dict(dict(contract.document))
    found: list[Any] = [one.ok() for one in schema.get_all_operations()]  # type: ignore[union-attr]
    return {one.definition.raw["operationId"]: one for one in found}
