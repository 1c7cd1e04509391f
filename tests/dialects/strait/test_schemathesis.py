"""Whatever a client makes of the contract's document, the answers are as it says, and none is a 5xx."""

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

from tests.dialects.strait.client import Strait, Worker
from tests.dialects.strait.contract import StraitContract
from tests.dialects.strait.recipes import RECIPES, Ask
from tests.support.effort import THOROUGH
from tests.support.stores import ENGINES

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
STREAMS = {"streamRun", "streamRunChunks", "streamEventTrigger"}
NOTHING_TO_VARY = {"health", "healthReady"}
MODES = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
CASES = [
    pytest.param(name, mode, engine, id=f"{name}-{mode.value}-{engine}")
    for number, name in enumerate(sorted(RECIPES.keys() - STREAMS - NOTHING_TO_VARY))
    for at, mode in enumerate(MODES)
    for which, engine in enumerate(ENGINES)
    if THOROUGH or (number + at + which) % 2
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "mode", "engine"), CASES, indirect=["engine"])
def test_every_answer_is_as_the_contract_says(
    strait: Strait, contract: StraitContract, name: str, mode: GenerationMode
) -> None:
    operation: Any = operations(contract)[name]
    ask = RECIPES[name](strait)
    known = dict(zip(contract[name].template.split("/"), ask.path.split("/"), strict=True))

    @QUIET
    @hypothesis.given(operation.as_strategy(generation_mode=mode), st.data())
    def attempt(case: Any, data: st.DataObject) -> None:
        for place in case.path_parameters or {}:
            if isinstance(ask.client, Worker) or data.draw(st.booleans()):
                case.path_parameters[place] = known[f"{{{place}}}"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sent = case.as_transport_kwargs(base_url=f"{strait.stand.url}/strait")
        send(ask, sent)

    attempt()


def send(ask: Ask, sent: dict[str, Any]) -> None:
    """Send the request, and hold its reply to the contract."""
    client = ask.client
    headers = {**{name.lower(): value for name, value in sent["headers"].items()}, **client.headers}
    if client.key is not None:
        headers["authorization"] = f"Bearer {client.key}"
    body: dict[str, Any] = {"json": sent["json"]} if "json" in sent else {"content": sent.get("data")}
    try:
        request = client.stand.http.build_request(
            sent["method"], sent["url"], params=sent.get("params"), headers=headers, **body
        )
        response = client.stand.http.send(request)
    except (UnicodeEncodeError, httpx2.InvalidURL, httpx2.LocalProtocolError):
        return  # nobody can send that
    client.judge(request, response, loose=True)


@functools.cache
def operations(contract: StraitContract) -> dict[str, Any]:
    """The contract's operations as schemathesis knows them."""
    schema = schemathesis.openapi.from_dict(dict(contract.document))
    found: list[Any] = [one.ok() for one in schema.get_all_operations()]  # type: ignore[union-attr]
    return {one.definition.raw["operationId"]: one for one in found}
