"""How long inboxes and dashboards take with a hundred thousand tasks, filter by filter.

The person of the AGH dialect has a record of half of them, the very tasks that stand in front: whatever they have not
read stands behind. Whoever calls the native API has looked at twenty.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any

from bench import fill as filling
from bench import http, task_copies
from bench.bench import Bench
from bench.databases import Database
from bench.figures import Figure, percentile
from bench.lists import processor
from bench.servers import Server, serve
from runyard.app.stores import open_store, wall_clock
from runyard.domain.actors import Actor, Doer, Origin
from runyard.domain.inbox import TriageVerb
from runyard.domain.tasks import ApprovalPolicy, Task
from runyard.engine import workspaces
from runyard.engine.tasks import deciding, making, operating, queueing, triage
from runyard.engine.tasks.making import NewTask
from runyard.engine.tasks.queueing import Asked
from runyard.engine.workspaces import NewWorkspace
from runyard.settings import Settings
from runyard.storage.port import Store, Tx

BAR = 50.0
TEXT_BAR = 1000.0
WARM, MEASURED = 10, 200
PROJECT = 1
SLICE = 500
TIMES = 5
"""So many of each task that the engine made stand in the database: to make them all takes the engine minutes."""
PERSON = Actor("human", "local-user")
FEW = 20
ANN = Actor("human", "ann")
INBOX = "/api/observe/tasks/inbox?limit=50"
DASHBOARD = "/api/observe/tasks/dashboard"
AGH, NATIVE = "/agh", "/runyard/v1"
PAGES = {
    "inbox": (AGH, INBOX),
    "inbox, unread": (AGH, f"{INBOX}&unread=true"),
    "inbox, lane approvals": (AGH, f"{INBOX}&lane=approvals"),
    "inbox, lane archived": (AGH, f"{INBOX}&lane=archived"),
    "inbox, a workspace": (AGH, f"{INBOX}&scope=workspace&workspace=place-3"),
    "inbox, no workspace": (AGH, f"{INBOX}&scope=global"),
    "inbox, an owner": (AGH, f"{INBOX}&owner_kind=human&owner_ref=ann"),
    "inbox, a kind of owner": (AGH, f"{INBOX}&owner_kind=pool"),
    "inbox, an owner in a workspace": (
        AGH,
        f"{INBOX}&owner_kind=human&owner_ref=ann&scope=workspace&workspace=place-3",
    ),
    "inbox, a rare owner by name": (AGH, f"{INBOX}&owner_ref=rare"),
    "inbox of one who saw little": (NATIVE, "/inbox?limit=50"),
    "inbox of one who saw little, a workspace": (NATIVE, "/inbox?limit=50&workspace=place-3"),
    "inbox, a text": (AGH, f"{INBOX}&query=9999"),
    "inbox, a text of very many (reads all titles)": (AGH, f"{INBOX}&query=task"),
    "dashboard": (AGH, DASHBOARD),
    "dashboard, a workspace": (AGH, f"{DASHBOARD}?scope=workspace&workspace=place-3"),
    "dashboard, no workspace": (AGH, f"{DASHBOARD}?scope=global"),
    "dashboard, an owner": (AGH, f"{DASHBOARD}?owner_kind=human&owner_ref=ann"),
    "dashboard, a channel": (AGH, f"{DASHBOARD}?network_channel=c7"),
    "dashboard, an origin": (AGH, f"{DASHBOARD}?origin_kind=cli"),
    "dashboard, all filters": (
        AGH,
        f"{DASHBOARD}?scope=workspace&workspace=place-2&owner_kind=pool&network_channel=c7&origin_kind=http",
    ),
}


def measure(bench: Bench) -> Iterator[Figure]:
    """The 99th percentile of each."""
    total, times = (10_000, 1) if bench.quick else (100_000, TIMES)
    with bench.database() as database:
        fill(database, total // times)
        if times > 1:
            task_copies.multiply(database, times)
        filling.settle(database, *task_copies.TABLES)
        with serve(database) as server:
            taken = bench.run(_ask(server))
    for what, (seconds, used) in taken.items():
        yield Figure(
            bench="inbox",
            engine=bench.engine,
            what=f"{what}, p99 among {total // 1000:,}k tasks",
            value=percentile(seconds, 0.99) * 1e3,
            unit="ms",
            bar=TEXT_BAR if "very many" in what else BAR,
            note=f"p50 {percentile(seconds, 0.5) * 1e3:.2f} ms, {used * 1e3:.2f} ms of processor time",
        )


def fill(database: Database, total: int) -> None:
    """So many tasks of all kinds, made by the engine, and half of them triaged. No server may be on the database."""
    settings = Settings(data=database.folder, database=database.dsn)
    with closing(open_store(settings, clock=wall_clock)) as store:
        places = [
            store.transact(workspaces.create, PROJECT, NewWorkspace(root_dir=f"/place-{number}")).id
            for number in range(8)
        ]
        ids = [one for some in _sliced(store, total, lambda tx, number: _make(tx, number, places)) for one in some]
        newest = ids[total // 2 :]
        list(_sliced(store, len(newest), lambda tx, number: _look(tx, newest[number], number)))


def _sliced(store: Store, total: int, do: Callable[[Tx, int], Any]) -> Iterator[list[Any]]:
    for first in range(0, total, SLICE):
        yield store.transact(_some, range(first, min(first + SLICE, total)), do)


def _some(tx: Tx, numbers: range, do: Callable[[Tx, int], Any]) -> list[Any]:
    return [do(tx, number) for number in numbers]


def _make(tx: Tx, number: int, places: Sequence[str]) -> str:
    """The id of one more task: of ten, four await approval, two are rejected, one failed, two are somebody's own."""
    kind = number % 10
    owner = ANN if number % 3 == 1 else None
    if number % 3 == 0 and kind not in (6, 9):
        owner = Actor("pool", f"p{number % 61}")
    new = NewTask(
        title=f"task {number}",
        workspace_id=places[number // 10 % 8] if number % 20 >= 5 else None,
        approval_policy=ApprovalPolicy.MANUAL if kind < 6 else ApprovalPolicy.NONE,
        owner=Actor("human", "rare") if number == 0 else PERSON if kind in (7, 8) else owner,
        channel=f"c{number // 80 % 20}" if number % 2 else None,
        max_attempts=1 + number % 3,
    )
    by = Doer(PERSON, Origin("http" if number % 7 else "cli", "tasks.create"))
    task = making.create(tx, PROJECT, new, by)
    if kind in (4, 5):
        deciding.reject(tx, PROJECT, task.id, by)
    if kind in (6, 9):
        _run(tx, task, by, fails=kind == 6, begins=number % 50 == 9)
    return task.id


def _run(tx: Tx, task: Task, by: Doer, *, fails: bool, begins: bool) -> None:
    run_id = queueing.queue(tx, task, by, Asked())[2].run_id
    if fails or begins:
        operating.claim(tx, PROJECT, run_id, Doer(ANN, by.origin))
        operating.start(tx, PROJECT, run_id, by)
    if fails:
        operating.fail(tx, PROJECT, run_id, by, error="it broke")


def _look(tx: Tx, task_id: str, number: int) -> None:
    verb = (TriageVerb.READ, TriageVerb.READ, TriageVerb.READ, TriageVerb.DISMISS, TriageVerb.ARCHIVE)[number // 10 % 5]
    triage.triage(tx, PROJECT, task_id, PERSON, verb)


async def _ask(server: Server) -> dict[str, tuple[Sequence[float], float]]:
    """Seconds for each page, and of processor time on average, by what was asked."""
    connection = await http.connect(server)
    found = await connection.json(http.request("GET", "/inbox?lane=approvals&limit=50"))
    for item in found["lanes"][0]["items"][:FEW]:
        await connection.send(http.request("POST", f"/tasks/{item['task']['id']}/triage", {"verb": "archive"}))
    taken: dict[str, tuple[Sequence[float], float]] = {}
    for what, (mount, path) in PAGES.items():
        message = http.request("GET", path, mount=mount)
        times = []
        used = processor(server)
        for _ in range(WARM + (MEASURED if "text" not in what else WARM)):
            began = time.perf_counter()
            await connection.send(message)
            times.append(time.perf_counter() - began)
        taken[what] = times[WARM:], (processor(server) - used) / len(times)
    connection.close()
    return taken
