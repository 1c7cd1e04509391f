"""`runyard doctor`: what is well, what is not, and what would help."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from runyard import __version__
from runyard.cli import output
from runyard.cli.exits import Exit
from runyard.cli.invocation import Given
from runyard.cli.probe import ask, is_local
from runyard.cli.times import length, now

if TYPE_CHECKING:
    from runyard.sdk import Client
    from runyard.sdk.models import Key

LITTLE_SPACE = 1 << 30
NO_SPACE = 100 << 20
SKEW_SECONDS = 5.0
EXPIRES_SOON = timedelta(days=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at."""

    name: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    remedy: str | None = None


def doctor(*, invocation: Given) -> int:
    """Check the server, the key and this machine."""
    found: list[Check] = []
    with invocation.client() as client:
        for check in checks(client):
            found.append(check)
            if invocation.output == "jsonl":
                output.line(check)
            elif invocation.output == "table":
                _show(invocation, check)
    well = all(check.status != "fail" for check in found)
    if invocation.output == "json":
        output.document({"ok": well, "checks": found})
    return Exit.OK if well else Exit.FAILURE


def checks(client: Client) -> Iterator[Check]:
    """Every check that makes sense, in order."""
    url = client.server.url
    alive = ask(url, "/livez")
    if alive.status != 200:
        what = alive.text if alive.status == 0 else f"answers {alive.status} to /livez: is that a Runyard server?"
        remedy = "Start one with `runyard up`, or say where it is with --url or RUNYARD_URL."
        yield Check(name="server", status="fail", detail=f"{url}: {what}", remedy=remedy)
    else:
        yield Check(name="server", status="ok", detail=f"{url} answers")
        if alive.at is not None:
            yield clock_check((now() - alive.at).total_seconds())
        ready = ask(url, "/readyz", timeout=10.0)
        if ready.status == 200:
            yield Check(name="ready", status="ok", detail="the database answers and the loops are alive")
        else:
            remedy = "Look at the server's log; is its database reachable, and its disk writable?"
            yield Check(name="ready", status="fail", detail=_sentence(ready.text), remedy=remedy)
        yield from _key_checks(client)
        yield from _info_checks(client)
    if is_local(url):
        yield from _disk_checks()
        yield _managed_check()
        yield _sandbox_check()


def clock_check(skew: float) -> Check:
    """How far the server's clock is from ours; its header tells whole seconds."""
    if abs(skew) < SKEW_SECONDS:
        return Check(name="clock", status="ok", detail=f"within {SKEW_SECONDS:.0f} s of the server's")
    side = "ahead of" if skew > 0 else "behind"
    detail = f"{length(abs(skew))} {side} the server's"
    return Check(
        name="clock",
        status="warn",
        detail=detail,
        remedy="Set the clocks by NTP; times given are compared with the server's.",
    )


def space_check(folder: Path, free: int) -> Check:
    """Whether the data folder has room."""
    detail = f"{free / (1 << 30):.1f} GiB free for {folder}"
    if free >= LITTLE_SPACE:
        return Check(name="disk", status="ok", detail=detail)
    remedy = "Make room, or shorten retention: a full disk stops every write."
    return Check(name="disk", status="fail" if free < NO_SPACE else "warn", detail=detail, remedy=remedy)


def schema_check(engine: str, schema: int, newest: int) -> Check:
    """Whether the database has the schema of this release."""
    detail = f"{engine}, schema {schema}"
    if schema == newest:
        return Check(name="database", status="ok", detail=f"{detail}, up to date")
    if schema < newest:
        detail = f"{detail}, this release has {newest}"
        return Check(name="database", status="warn", detail=detail, remedy="Restart the server with this release.")
    detail = f"{detail}, this command knows {newest}"
    return Check(name="database", status="warn", detail=detail, remedy="Bring this command up to the server's release.")


def _key_checks(client: Client) -> Iterator[Check]:
    from runyard.sdk import RunyardError, Unauthorized

    if client.server.key is None:
        remedy = "Give one with --key or RUNYARD_KEY; `runyard keys create` makes one."
        yield Check(name="key", status="fail", detail="none is set", remedy=remedy)
        return
    try:
        mine = client.keys.get("self")
    except Unauthorized as error:
        remedy = "Make a new one with `runyard keys create`."
        yield Check(name="key", status="fail", detail=error.detail, remedy=remedy)
    except RunyardError as error:
        yield Check(name="key", status="fail", detail=error.detail)
    else:
        yield key_check(mine, now())


def key_check(key: Key, at: datetime) -> Check:
    """What the key may do, and for how long yet."""
    detail = f"{key.name} in project {key.project}, may {' '.join(key.scopes)}"
    if key.expires_at is None:
        return Check(name="key", status="ok", detail=detail)
    left = key.expires_at - at
    detail = f"{detail}, for {length(left)} yet"
    if left > EXPIRES_SOON:
        return Check(name="key", status="ok", detail=detail)
    return Check(name="key", status="warn", detail=detail, remedy="Make a new one with `runyard keys create`.")


def _info_checks(client: Client) -> Iterator[Check]:
    from runyard.sdk import RunyardError
    from runyard.storage.migrate import available

    try:
        info: dict[str, Any] = client.info()
    except RunyardError as error:
        yield Check(name="release", status="warn", detail=f"not told: {error.detail}", remedy="Ask with an admin key.")
        return
    version = str(info.get("version", "unknown"))
    same = version == __version__
    detail = f"server {version}" + ("" if same else f", this command {__version__}")
    remedy = None if same else "Install the same release on both sides."
    yield Check(name="release", status="ok" if same else "warn", detail=detail, remedy=remedy)
    engine, schema = str(info.get("engine", "")), info.get("schema")
    if engine and isinstance(schema, int):
        newest = max((step.number for step in available(engine)), default=schema)
        yield schema_check(engine, schema, newest)


def _disk_checks() -> Iterator[Check]:
    from runyard.settings import load

    # A server started elsewhere, or with another folder, keeps its data where this command cannot know.
    if (folder := load().data).is_dir():
        yield space_check(folder, shutil.disk_usage(folder).free)


def _managed_check() -> Check:
    from runyard.sandbox import available
    from runyard.settings import load

    # By the settings that this command sees, as with the data folder.
    settings = load()
    reason = available(settings)
    if reason is not None:
        return Check(name="managed", status="ok", detail=f"managed runs are refused: {reason}")
    if settings.managed_isolation == "none":
        remedy = (
            "Install bubblewrap and leave RUNYARD_MANAGED_ISOLATION out, unless all who may write jobs are trusted."
        )
        return Check(name="managed", status="warn", detail="managed runs have all rights of the server", remedy=remedy)
    return Check(name="managed", status="ok", detail="managed runs are shut in by bubblewrap")


def _sandbox_check() -> Check:
    from runyard.sandbox import sandboxes
    from runyard.settings import load

    settings = load()
    reason = sandboxes(settings)
    if reason is not None:
        detail = f"coding runs wait, because no sandbox is opened here: {reason}"
        return Check(name="sandbox", status="ok", detail=detail)
    if settings.sandbox_isolation == "none":
        remedy = (
            "Install bubblewrap and leave RUNYARD_SANDBOX_ISOLATION out, unless all who may write tasks are trusted."
        )
        return Check(name="sandbox", status="warn", detail="agents have all rights of the server", remedy=remedy)
    network = "with this machine's network" if settings.sandbox_network else "without a network but this server"
    return Check(name="sandbox", status="ok", detail=f"agents are shut in by bubblewrap, {network}")


def _sentence(text: str) -> str:
    """The detail of a problem document, or the text itself."""
    import msgspec

    try:
        problem = msgspec.json.decode(text.encode())
    except msgspec.DecodeError:
        problem = None
    found = problem.get("detail") if isinstance(problem, dict) else None
    return str(found or text.strip()[:300] or "no answer")


def _show(invocation: Any, check: Check) -> None:
    from rich.text import Text

    out = output.console(invocation)
    out.print(
        Text.assemble(
            (f"{check.status:<4}", output.style(check.status)), f"  {check.name:<8}  ", output.safe(check.detail)
        )
    )
    if check.remedy:
        out.print(Text(f"                → {check.remedy}", style="dim"))
