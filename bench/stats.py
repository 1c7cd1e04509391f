"""How long statistics of agents and pages of their runs take among a million runs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

from bench import fill, http
from bench.bench import Bench
from bench.databases import Database
from bench.figures import Figure, percentile
from bench.servers import Server, serve

BAR = 30.0
WARM, MEASURED = 20, 300
MOUNT = "/bamboosnow"
DAYS = 90
DAY = 86_400 * 1_000_000
FINDINGS = [
    {"severity": severity, "type": "style", "file": "a.py", "line": number, "message": f"number {number}"}
    for number, severity in enumerate(["error", "warning", "warning", "info", "info", "info"], 1)
]
PAGES = {
    "stats of a month": "/v1/runs/stats?period=month",
    "stats of a week": "/v1/runs/stats?period=week",
    "stats of a day": "/v1/runs/stats?period=day",
    "stats of a month of an agent": "/v1/runs/stats?period=month&agent_id={agent}",
    "stats of a month of a repository": "/v1/runs/stats?period=month&repository_id={repository}",
    "runs": "/v1/runs?per_page=50",
    "runs, page 1,000": "/v1/runs?per_page=50&page=1000",
    "runs of an agent": "/v1/runs?per_page=50&agent_id={agent}",
    "runs of a repository that failed": "/v1/runs?per_page=50&repository_id={repository}&status=failure",
    "runs that failed": "/v1/runs?per_page=50&status=failure",
    "runs of a pull request": "/v1/runs?per_page=50&pr_number=7",
    "runs of ten days": "/v1/runs?per_page=50&since={since}&until={until}",
    "runs for the SDK": "/api/v1/runs?per_page=50&status=completed&trigger_type=manual",
    "agents": "/v1/agents?per_page=50",
}
# Copies of an agent's one run in the order of their ids: `place` among those of the agent, `turn` among the agents.
COPIES = """
    CREATE TABLE bench_copies AS SELECT id, job_id, {start} + ((place - 1) * {agents} + turn) * {step} AS at FROM (
        SELECT id, job_id, row_number() OVER (PARTITION BY job_id ORDER BY id) AS place,
            dense_rank() OVER (ORDER BY job_id) - 1 AS turn
        FROM runs WHERE agent = 1 AND id NOT IN (SELECT run_id FROM agent_runs)) AS numbered"""
SPREAD = {
    "run_id": "copy.id",
    "created_at": "copy.at",
    "effective_at": "copy.at",
    "began_at": "CASE WHEN o.began_at IS NOT NULL THEN copy.at END",
    "ended_at": "CASE WHEN o.ended_at IS NOT NULL THEN copy.at + o.ended_at - COALESCE(o.began_at, o.ended_at) END",
}
LASTED = "began_at IS NOT NULL AND ended_at IS NOT NULL"
EVER = -1
"""The day under which the sums of all days stand."""
SUMS = {
    "total": "COUNT(*)",
    "succeeded": "SUM(CASE WHEN phase = 'succeeded' THEN 1 ELSE 0 END)",
    "failed": "SUM(CASE WHEN phase IN ('failed', 'timed_out') THEN 1 ELSE 0 END)",
    "duration_ms": f"SUM(CASE WHEN {LASTED} THEN (ended_at - began_at) / 1000 ELSE 0 END)",
    "durations": f"SUM(CASE WHEN {LASTED} THEN 1 ELSE 0 END)",
    "errors": "SUM(errors)",
    "warnings": "SUM(warnings)",
    "infos": "SUM(infos)",
    **{
        f"kept_{phase}": f"SUM(CASE WHEN phase = '{phase}' THEN 1 ELSE 0 END)"
        for phase in ("queued", "running", "deciding", "succeeded", "failed", "timed_out", "canceled")
    },
}


def measure(bench: Bench) -> Iterator[Figure]:
    """The 99th percentile of each question."""
    total, agents = (20_000, 20) if bench.quick else (1_000_000, 100)
    with bench.database() as database:
        with serve(database) as server:
            known = bench.run(_originals(server, agents))
        _load(database, known["runs"], total)
        with serve(database) as server:
            taken = bench.run(_ask(server, known, total, 30 if bench.quick else MEASURED))
    for what, seconds in taken.items():
        yield Figure(
            bench="stats",
            engine=bench.engine,
            what=f"{what}, p99 among {total // 1000:,}k runs",
            value=percentile(seconds, 0.99) * 1e3,
            unit="ms",
            bar=BAR,
            note=f"p50 {percentile(seconds, 0.5) * 1e3:.2f} ms",
        )


async def _originals(server: Server, count: int) -> dict[str, Any]:
    """A run of each of many agents, made over HTTP: most succeed, some fail, are canceled or wait."""
    connection = await http.connect(server)

    async def send(method: str, path: str, body: Any = None, *, expect: int = 200, mount: str = MOUNT) -> Any:
        return json.loads(await connection.send(http.request(method, path, body, mount=mount), expect=expect) or b"{}")

    repositories = []
    for number in range(10):
        body = {"provider": "github", "fullName": f"acme/app-{number}"}
        repositories.append((await send("POST", "/api/v1/repositories", body, expect=201))["id"])
    agents, runs = [], []
    for number in range(count):
        body = {"name": f"Agent {number}", "repository_id": repositories[number % 10]}
        agent = (await send("POST", "/v1/agents", body, expect=201))["id"]
        asked = await send("POST", f"/v1/agents/{agent}/run", {"pull_request": {"number": 7 + number}})
        run = asked["run_id"].removeprefix("run_")
        run = "-".join((run[:8], run[8:12], run[12:16], run[16:20], run[20:]))
        await _end(send, run, number)
        agents.append(agent)
        runs.append(run)
    connection.close()
    return {"agents": agents, "repositories": repositories, "runs": runs}


async def _end(send: Any, run: str, number: int) -> None:
    native = "/runyard/v1"
    if number % 20 == 18:
        await send("POST", f"/runs/{run}/cancel", mount=native)
    elif number % 20 != 19:
        claim = (await send("POST", "/runs/claim", {"limit": 1}, mount=native))["claims"][0]
        report = {"run_id": claim["run"]["id"], "token": claim["lease"]["token"]}
        told = {"findings": FINDINGS, "token": report["token"]}
        await send("POST", f"/runs/{run}/findings", told, expect=201, mount=native)
        if number % 20 > 15:
            failed = report | {"error": {"message": "it broke"}, "retryable": False}
            await send("POST", "/runs/fail", {"reports": [failed]}, mount=native)
        else:
            await send("POST", "/runs/complete", {"reports": [report | {"output": {}}]}, mount=native)
    else:
        # Whoever claims would get it instead of a later one.
        await send("POST", f"/runs/{run}/pause", mount=native)


def _load(database: Database, runs: Sequence[str], total: int) -> None:
    """A million runs over some months, and the sums of their days as the server keeps them."""
    each = total // len(runs) - 1
    fill.multiply(database, dict.fromkeys(runs, each))
    engine = database.engine
    start = time.time_ns() // 1000 - DAYS * DAY
    copies = COPIES.format(start=start, agents=len(runs), step=DAYS * DAY // (each * len(runs)))
    names = fill.columns(database, "agent_runs")
    values = ", ".join(SPREAD.get(name, f"o.{name}") for name in names)
    whose = "job_id, repository_id, trigger"
    days = f"project_id, day, {whose}"
    with fill.without_indexes(database, "agent_runs"):
        database.execute(
            fill.QUICK[engine],
            copies,
            f"INSERT INTO agent_runs ({', '.join(names)}) SELECT {values} "
            "FROM bench_copies AS copy JOIN agent_runs AS o ON o.job_id = copy.job_id",
            "DROP TABLE bench_copies",
            "DELETE FROM agent_days",
            f"INSERT INTO agent_days ({days}, {', '.join(SUMS)}) SELECT {days}, {', '.join(SUMS.values())} FROM "
            f"(SELECT *, effective_at / {DAY} AS day FROM (SELECT {', '.join(_no_nulls(names))} FROM agent_runs) AS a) "
            f"AS b GROUP BY {days}",
            f"INSERT INTO agent_days ({days}, {', '.join(SUMS)}) SELECT project_id, {EVER}, {whose}, "
            f"{', '.join(f'SUM({name})' for name in SUMS)} FROM agent_days GROUP BY project_id, {whose}",
        )
    fill.settle(database, "agent_runs", "agent_days")


def _no_nulls(names: Sequence[str]) -> list[str]:
    return ["COALESCE(repository_id, '') AS repository_id" if name == "repository_id" else name for name in names]


async def _ask(server: Server, known: dict[str, Any], total: int, times: int) -> dict[str, Sequence[float]]:
    """Seconds for each question, by what was asked."""
    connection = await http.connect(server)
    page = await connection.json(http.request("GET", "/v1/runs?per_page=1", mount=MOUNT))
    assert page["meta"]["total"] == total, f"{page['meta']['total']} runs of {total} are counted"
    days = {name: time.strftime("%Y-%m-%dT07:00:00Z", time.gmtime(time.time() - ago * 86_400)) for name, ago in AGO}
    taken: dict[str, Sequence[float]] = {}
    for what, path in PAGES.items():
        asked = path.format(agent=known["agents"][3], repository=known["repositories"][6], **days)
        message = http.request("GET", asked, mount=MOUNT)
        seconds = []
        for _ in range(WARM + times):
            began = time.perf_counter()
            await connection.send(message)
            seconds.append(time.perf_counter() - began)
        taken[what] = seconds[WARM:]
    connection.close()
    return taken


AGO = (("since", 20), ("until", 10))
