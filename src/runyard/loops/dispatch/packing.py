"""Packs what goes out with a run: where to, the token, secrets opened, what to resume from."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from runyard.domain.errors import Conflict
from runyard.domain.jobs import Http, JobSpec
from runyard.domain.records import Run
from runyard.engine import environments, job_secrets
from runyard.engine.dispatches import Definition, Luggage
from runyard.loops.dispatch.requests import Parcel
from runyard.storage.vault import Vault
from runyard.web.run_tokens import RunTokens

MOST = 4096
"""So many definitions of jobs are remembered; then all are read anew."""


class Unsendable(Exception):
    """The run cannot be sent, now or later; the text says why."""


class Packer:
    """Knows definitions of jobs (a version never changes), and holds the keys."""

    def __init__(self, vault: Vault, tokens: RunTokens) -> None:
        self.known: dict[Definition, JobSpec] = {}
        self._vault = vault
        self._tokens = tokens

    def learn(self, specs: Mapping[Definition, JobSpec]) -> None:
        """Remember definitions."""
        if len(self.known) > MOST:
            self.known.clear()
        self.known.update(specs)

    def spec(self, run: Run) -> JobSpec | None:
        """The definition the run goes by, if there is one."""
        return self.known.get((run.job_id or "", run.job_version or 1))

    def pack(self, run: Run, luggage: Luggage) -> Parcel:
        """The run with all that goes out with it. Raises `Unsendable`."""
        spec = luggage.specs.get((run.job_id or "", run.job_version or 1))
        if spec is None:
            raise Unsendable("the job of the run is gone")
        try:
            http = self._http(spec, luggage)
            secrets = luggage.secrets.get(run.job_id or "", {})
            return Parcel(
                run=run,
                urls=(http.url,) if http.fallback_url is None else (http.url, http.fallback_url),
                token=self._tokens.make(run, attempt=run.attempt),
                secrets={name: self._vault.open(sealed, job_secrets.PURPOSE) for name, sealed in secrets.items()},
                signing=None if http.secret is None else self._vault.open(http.secret, job_secrets.SIGNING),
                checkpoint=luggage.checkpoints.get(run.id),
            )
        except Conflict as error:
            raise Unsendable(error.detail) from None

    def _http(self, spec: JobSpec, luggage: Luggage) -> Http:
        variables = luggage.variables.get(spec.environment_id or "", {})
        sealed = variables.get(environments.ENDPOINT)
        if sealed is not None:
            url = self._vault.open(sealed, environments.PURPOSE)
            return msgspec.structs.replace(spec.http or Http(url=url), url=url)
        if spec.http is None:
            raise Unsendable("the job has no endpoint")
        return spec.http
