"""Whatever a client makes of the served document, the answers are as the document says, and none is a 5xx."""

from __future__ import annotations

import warnings
from typing import Any

import httpx2
import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from tests.dialects.native.recipes import RECIPES
from tests.support.api import Api, good
from tests.support.effort import THOROUGH
from tests.support.stand import Stand
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
ENDLESS = {"stream_run", "stream_project", "stream_task"}
MODES = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
CASES = [
    pytest.param(name, mode, engine, id=f"{name}-{mode.value}-{engine}")
    for number, name in enumerate(sorted(RECIPES.keys() - ENDLESS))
    for at, mode in enumerate(MODES)
    for which, engine in enumerate(ENGINES)
    if THOROUGH or (number + at + which) % 2
]


@pytest.fixture
def names(stand: Stand, admin: Api, name: str) -> dict[str, list[str]]:
    """For each name in the operation's path what is there."""
    if not stand.contract[name].path_parameters:
        return {}
    good(admin.post("/jobs", {"name": "mail", "payload_schema": {"type": ["object", "null"]}}), 201)
    claim = admin.claimed(job="mail", payload={"config": {}})
    run = claim["run"]["id"]
    good(admin.post(f"/runs/{run}/checkpoints", {"state": 1}), 201)
    good(admin.put(f"/runs/{run}/outputs/report", {"value": 1}))
    good(admin.put(f"/runs/{run}/state/place", {"value": 1}))
    artifact = good(admin.post(f"/runs/{run}/artifacts", content=b"x", params={"name": "a"}), 201)["id"]
    admin.complete(claim)
    runs = [run, admin.buried()["id"], admin.run(draft=True)["id"], *(one["id"] for one in admin.make(3))]
    return {
        "run_id": runs,
        "artifact_id": [artifact],
        "number": ["1"],
        "key": ["report", "place"],
        "key_id": ["self"],
        "wanted": ["mail", "default"],
        "bulk_id": [good(admin.post("/bulk", {"action": "replay", "ids": [run]}), 202)["id"]],
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "mode", "engine"), CASES, indirect=["engine"])
def test_every_answer_is_as_documented(
    stand: Stand, admin: Api, names: dict[str, list[str]], name: str, mode: GenerationMode
) -> None:
    operation: Any = DOCUMENTS.operation(stand, name)

    @QUIET
    @hypothesis.given(operation.as_strategy(generation_mode=mode), st.data())
    def ask(case: Any, data: st.DataObject) -> None:
        if data.draw(st.booleans()):
            for place, known in names.items():
                if place in case.path_parameters:
                    case.path_parameters[place] = data.draw(st.sampled_from(known))
        if isinstance(case.body, dict) and "wait_seconds" in case.body and name == "claim_runs":
            case.body["wait_seconds"] = 0
        # Query parameters that nobody declared are passed over; to hold a reply to them would say nothing.
        declared = stand.contract[name].parameters("query")
        case.query = {one: value for one, value in (case.query or {}).items() if one in declared}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sent = case.as_transport_kwargs(base_url=f"{stand.url}{stand.contract.prefix}")
        send(admin, sent)

    ask()


def send(admin: Api, sent: dict[str, Any]) -> None:
    """Send the request, and hold it and its reply to the document."""
    headers = {name.lower(): value for name, value in sent["headers"].items()}
    headers["authorization"] = f"Bearer {admin.key}"
    body: dict[str, Any] = {"json": sent["json"]} if "json" in sent else {"content": sent.get("data")}
    try:
        request = admin.http.build_request(
            sent["method"], sent["url"], params=sent.get("params"), headers=headers, **body
        )
        response = admin.http.send(request)
    except (UnicodeEncodeError, httpx2.InvalidURL, httpx2.LocalProtocolError):
        return  # nobody can send that
    admin.judge(request, response)


class Documents:
    """The served documents as schemathesis knows them, parsed once."""

    def __init__(self) -> None:
        self._operations: dict[str, dict[str, Any]] = {}

    def operation(self, stand: Stand, name: str) -> Any:
        """The operation of that name."""
        engine = stand.store.engine
        if engine not in self._operations:
            schema = schemathesis.openapi.from_dict(dict(stand.contract.document))
            found: list[Any] = [one.ok() for one in schema.get_all_operations()]  # type: ignore[union-attr]
            self._operations[engine] = {one.definition.raw["operationId"]: one for one in found}
        return self._operations[engine][name]


DOCUMENTS = Documents()
