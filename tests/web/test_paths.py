"""Routes that the framework gets to know when they are first asked for."""

from __future__ import annotations

import re

import httpx2
import pytest
from litestar import get

from runyard.web.call import Call
from tests.support.stand import Stand
from tests.web.conftest import House


@get("/v1/rows/first/{name:str}/end")
async def first_end(call: Call, name: str) -> str:
    """An end of the first row."""
    return name


@get("/v1/rows/{row:str}/middle")
async def middle(call: Call, row: str) -> str:
    """The middle of a row."""
    return row


@get("/v1/files/{rest:path}")
async def file(call: Call, rest: str) -> str:
    """A file."""
    return rest


@get("/v1/broken")
async def broken(call: Call, data: str) -> str:
    """A route that the framework does not take."""
    return data


async def statuses(client: httpx2.AsyncClient, *paths: str) -> list[int]:
    """What the paths answer with, one after the other."""
    return [(await client.get(path)).status_code for path in paths]


@pytest.mark.anyio
@pytest.mark.parametrize("query", ["", "?nothing=1"])
async def test_what_was_asked_for_before_does_not_change_where_a_path_leads(house: House, query: str) -> None:
    house.more = [middle, first_end]
    # The framework never turns back: below `first` there is nothing for `middle`, whether it knows that or not.
    nowhere = f"/small/v1/rows/first/middle{query}"
    async with house.client() as client:
        assert await statuses(client, nowhere, f"/small/v1/rows/second/middle{query}", nowhere) == [404, 200, 404]
        assert await statuses(client, f"/small/v1/rows/first/x/end{query}", nowhere) == [200, 404]


@pytest.mark.anyio
async def test_odd_paths_lead_where_the_framework_leads_them(house: House) -> None:
    house.more = [file]
    async with house.client() as client:
        assert await statuses(client, "/small//v1/things/", "/small/v1//things//a", "/small//") == [200, 200, 404]
        assert (await client.get("/small/v1/files/a//b/c/")).text == "/a/b/c"
        response = await client.delete("/small/v1/things/a")
        assert (response.status_code, response.headers["allow"]) == (405, "GET")


@pytest.mark.anyio
async def test_a_mistake_in_a_route_breaks_that_route_and_the_document(house: House) -> None:
    house.more = [broken]
    async with house.client() as client:
        assert await statuses(client, *["/small/v1/broken", "/small/openapi.json"] * 2) == [500] * 4
        assert await statuses(client, "/small/v1/things") == [200]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_no_dialect_has_a_mistake_in_a_route(stand: Stand) -> None:
    mounts = re.findall(r'href="(/\w+)/docs"', stand.http.get("/docs").text)
    assert {"/runyard", "/strait", "/bamboosnow", "/agh"} <= {*mounts}
    for mount in mounts:
        assert stand.http.get(f"{mount}/openapi.json").status_code == 200
