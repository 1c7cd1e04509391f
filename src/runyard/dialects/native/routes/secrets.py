"""What jobs are run with and nobody is shown: secrets of jobs, and environments."""

from __future__ import annotations

from litestar import delete, get, put
from litestar.handlers import HTTPRouteHandler

from runyard.dialects.native import mapping, wire
from runyard.engine import environments, job_secrets
from runyard.outbound import guard
from runyard.settings import Settings
from runyard.storage.vault import Vault
from runyard.web.call import Call
from runyard.web.paging import Cursor, Limit, cut, place
from runyard.web.paging import cursor as cursor_of


@get("/v1/jobs/{wanted:str}/secrets", needs="jobs:write")
async def list_job_secrets(call: Call, wanted: str) -> wire.Page[wire.Secret]:
    """The names of the job's secrets."""
    found = await call.read(job_secrets.names, call.project_id, wanted)
    return wire.Page(data=[mapping.secret_out(one) for one in found])


@delete("/v1/jobs/{wanted:str}/secrets/{name:str}", needs="jobs:write", status_code=204)
async def delete_job_secret(call: Call, wanted: str, name: str) -> None:
    """Forget a secret."""
    await call.write(job_secrets.remove, call.project_id, wanted, name, actor=call.actor)


@get("/v1/environments", needs="jobs:write")
async def list_environments(call: Call, limit: Limit = 50, cursor: Cursor = None) -> wire.Page[wire.Environment]:
    """The project's environments by name."""
    (after,) = place(cursor, tuple[str]) or (None,)
    rows = await call.read(environments.page, call.project_id, after=after, limit=limit + 1)
    shown, more = cut(rows, limit, lambda row: cursor_of(row.name))
    return wire.Page(data=[mapping.environment_out(row) for row in shown], next_cursor=more)


@get("/v1/environments/{name:str}", needs="jobs:write")
async def get_environment(call: Call, name: str) -> wire.Environment:
    """An environment, without the values of its variables."""
    return mapping.environment_out(await call.read(environments.get, call.project_id, name))


@delete("/v1/environments/{name:str}", needs="jobs:write", status_code=204)
async def delete_environment(call: Call, name: str) -> None:
    """Forget an environment that no job names."""
    await call.write(environments.remove, call.project_id, name, actor=call.actor)


def handlers(settings: Settings, vault: Vault) -> list[HTTPRouteHandler]:
    """All operations on secrets and environments; values are sealed before they go anywhere."""

    @put("/v1/jobs/{wanted:str}/secrets/{name:str}", needs="jobs:write", status_code=200)
    async def put_job_secret(call: Call, wanted: str, name: str, data: wire.SecretIn) -> wire.Secret:
        """Keep a secret of a job, over the one of that name; executors get it, no answer has it."""
        environments.check_value(data.value)
        sealed = vault.seal(data.value, job_secrets.PURPOSE)
        named = await call.write(job_secrets.put, call.project_id, wanted, name, sealed, actor=call.actor)
        return mapping.secret_out(named)

    @put("/v1/environments/{name:str}", needs="jobs:write", status_code=200)
    async def put_environment(call: Call, name: str, data: wire.EnvironmentIn) -> wire.Environment:
        """Make an environment, or give it these variables; `ENDPOINT_URL` takes the place of its jobs' endpoint."""
        for value in data.variables.values():
            environments.check_value(value)
        if environments.ENDPOINT in data.variables:
            guard.check_url(data.variables[environments.ENDPOINT], settings)
        sealed = {name: vault.seal(value, environments.PURPOSE) for name, value in data.variables.items()}
        made = await call.write(environments.put, call.project_id, name, sealed, actor=call.actor)
        return mapping.environment_out(made)

    return [
        list_job_secrets,
        put_job_secret,
        delete_job_secret,
        list_environments,
        get_environment,
        put_environment,
        delete_environment,
    ]
