"""Whatever a client makes of the contract's document, the answers are as the contract says, and none is a 5xx."""

from __future__ import annotations

import functools
import re
import warnings
from typing import Any

import httpx2
import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from tests.dialects.agh.client import Agh
from tests.dialects.agh.contract import PREFIX, the_contract
from tests.dialects.agh.recipes import RECIPES, Ask
from tests.support.effort import THOROUGH
from tests.support.stores import ENGINES

EXAMPLES = 200 if THOROUGH else 3
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
ENDLESS = {"streamTask"}
PATIENT = {"wait": False, "timeout_seconds": 0}
"""What would have the server wait."""
CASES = [
    pytest.param(name, engine, id=f"{name}-{engine}")
    for number, name in enumerate(sorted(RECIPES.keys() - ENDLESS))
    for which, engine in enumerate(ENGINES)
    if THOROUGH or (number + which) % 2
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "engine"), CASES, indirect=["engine"])
def test_every_answer_is_as_the_contract_says(agh: Agh, name: str) -> None:
    known = RECIPES[name](agh)
    there = named(name, known)
    operation = operations()[name]
    for mode in modes(name):

        @QUIET
        @hypothesis.given(operation.as_strategy(generation_mode=mode), st.booleans(), st.booleans())
        def ask(case: Any, finds: bool, is_known: bool) -> None:
            if finds:
                case.path_parameters = {**(case.path_parameters or {}), **there}
            if isinstance(case.body, dict):
                case.body |= {field: value for field, value in PATIENT.items() if case.body.get(field)}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                send(known, case.as_transport_kwargs(base_url=f"{agh.stand.url}{PREFIX}"), as_client=is_known)

        ask()


def modes(name: str) -> list[GenerationMode]:
    """How requests can be made; nothing is wrong in a path of texts, whatever they are."""
    operation = the_contract()[name]
    can_be_wrong = "requestBody" in operation.spec or operation.parameters("query")
    return [GenerationMode.POSITIVE, *([GenerationMode.NEGATIVE] if can_be_wrong else [])]


def named(name: str, known: Ask) -> dict[str, str]:
    """What the names in the operation's path stand for in a request that succeeds."""
    operation = the_contract()[name]
    found = re.fullmatch(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(operation.template)), known.path)
    assert found is not None, known.path
    return found.groupdict()


def send(known: Ask, sent: dict[str, Any], *, as_client: bool) -> None:
    """Send the request, as the known one's client or as whom its headers name, and hold the reply to the contract."""
    client = known.client
    own = client.headers if as_client else {}
    kept = {one: text for one, text in sent["headers"].items() if not (as_client and one.lower().startswith("x-agh-"))}
    headers = {one.lower(): text for one, text in (kept | own | {"authorization": f"Bearer {client.key}"}).items()}
    body: dict[str, Any] = {"json": sent["json"]} if "json" in sent else {"content": sent.get("data")}
    http = client.stand.http
    try:
        request = http.build_request(sent["method"], sent["url"], params=sent.get("params"), headers=headers, **body)
        response = http.send(request)
    except (UnicodeEncodeError, httpx2.InvalidURL, httpx2.LocalProtocolError):
        return  # nobody can send that
    client.judge(request, response, loose=True)


@functools.cache
def operations() -> dict[str, Any]:
    """The operations of the contract as schemathesis knows them, parsed once."""
    schema = schemathesis.openapi.from_dict(dict(the_contract().document))
    found: list[Any] = [one.ok() for one in schema.get_all_operations()]  # type: ignore[union-attr]
    return {one.definition.raw["operationId"]: one for one in found}
