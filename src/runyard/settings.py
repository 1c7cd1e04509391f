"""All settings, read once into one frozen record. Every field is also `RUNYARD_<NAME>` in the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
import platformdirs

APPRISE_SCHEMES = (
    "brevo",
    "dingtalk",
    "discord",
    "feishu",
    "flock",
    "gchat",
    "guilded",
    "lark",
    "line",
    "opsgenie",
    "pagerduty",
    "pagertree",
    "pbul",
    "pover",
    "prowl",
    "pushed",
    "pushy",
    "resend",
    "revolt",
    "sendgrid",
    "signl4",
    "slack",
    "spike",
    "tgram",
    "threema",
    "twilio",
    "webex",
    "whatsapp",
    "wxteams",
)
"""Services of apprise whose addresses no URL can change, so that nothing on a private network is reached by one."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a server is told when it starts."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8321
    """Port to listen on; 0 takes a free one."""
    database: str | None = None
    """A `postgresql://…` URL; None keeps everything in SQLite under `data`."""
    data: Path = Path(platformdirs.user_data_dir("runyard"))
    """Folder of the SQLite file, artifacts and archives."""
    loops: bool = True
    """Whether this server turns timers, sweeps and retention, or leaves them to others on the same database."""
    agents: bool = True
    """Whether the built-in agents' worker runs as a child process."""
    admin_key: str | None = None
    """The bootstrap admin key; None makes one on the first start."""
    allow_anonymous_loopback: tuple[str, ...] = ()
    """Dialects that answer without a key, on loopback addresses only."""
    artifacts_url: str | None = None
    """An `s3://`, `gs://` or `az://` URL for artifacts and archives; None keeps them under `data`."""
    review_roots: tuple[str, ...] = ()
    """Folders whose repositories the built-in reviewer may read."""
    ageing: bool = False
    """Whether waiting runs gain one point of priority an hour."""
    max_body_bytes: int = 8 << 20
    """Largest request body, artifacts apart."""
    max_artifact_bytes: int = 256 << 20
    """Largest artifact."""
    task_folder: str = "tasks"
    """What the paths of files begin with by which PostHog's clients know them; at most 100 characters."""
    rate_limit_per_key: int = 0
    """Requests a minute per key; 0 is no limit."""
    rate_limit_per_ip: int = 0
    """Requests a minute per client address; 0 is no limit."""
    retention_completed_days: float = 30
    """How long completed runs, closed tasks and stopped sessions are kept; 0 keeps them for ever, here and below."""
    retention_failed_days: float = 90
    """For every unsuccessful end, of sessions too. Runs in the dead letter are kept until somebody decides."""
    retention_canceled_days: float = 30
    """How long canceled runs are kept."""
    archive: bool = True
    """Whether runs are written to `archive/` as JSONL.zst before retention deletes them."""
    secret_key: str | None = None
    """Seals secrets at rest and signs run tokens, 32 characters or more; None keeps one in `data/secret.key`.

    Servers that share a database need the same one."""
    allow_private_endpoints: bool = False
    """Whether runs, webhooks and relays may go to loopback, private and link-local addresses."""
    endpoint_ports: tuple[str, ...] = ("80", "443", "3000", "4000", "5000", "8080", "8443", "9000")
    """The ports that endpoints may have; `*` is any."""
    apprise_schemes: tuple[str, ...] = APPRISE_SCHEMES
    """The kinds of URLs through which bridges may send by apprise.

    Others may name any host (`mailto`, `ntfy`, `json`) or write to this very machine (`syslog`, `dbus`): add them only
    where all who write tasks are trusted."""
    slack_token: str | None = None
    """The token of a Slack app (scopes `chat:write` and `reactions:write`), to tell of runs in threads.

    Without one what is to be said waits."""
    slack_url: str = "https://slack.com/api/"
    """Where Slack's Web API is."""
    sandbox_hosts: tuple[str, ...] = ()
    """Hosts, besides this machine, at which commands for agents in sandboxes may be delivered, by https.

    A name (`sandbox.example.com`) may lead anywhere; a suffix (`.sandboxes.example.com`) to public addresses only."""
    dispatch_concurrency: int = 500
    """How many HTTP requests to endpoints may be under way at once."""
    claim_wait_max: float = 60
    """How many seconds a session's claim that waits for work waits at most."""
    agents_may_force: bool = True
    """Whether sessions of agents may release, fail, retry and recover runs of tasks, and pause and resume tasks."""
    managed_isolation: Literal["auto", "none", "off"] = "auto"
    """How managed runs are shut in: `auto` (by bubblewrap, else refused), `off` (refused), or `none`.

    `none` runs them with all rights of the server: only for a machine where everybody who may write jobs is trusted."""
    managed_network: bool = False
    """Whether managed runs may ask for the server's network; without it they reach this server's API and no more."""
    managed_roots: tuple[str, ...] = ()
    """Folders below which the programs of managed jobs may lie."""
    managed_paths: tuple[str, ...] = ()
    """Further folders that managed runs may read, such as interpreters outside `/usr`."""
    managed_memory_mb: int = 0
    """Memory that managed runs may use together; 0 is 80 % of the machine's."""
    sandbox_isolation: Literal["auto", "none", "off"] = "auto"
    """How agents on runs of coding tasks are shut in, in the words of `managed_isolation`."""
    sandbox_network: bool = False
    """Whether agents in sandboxes have this machine's network; without it they reach this server and no more."""
    sandbox_agent_command: str | None = None
    """The command line of the agent (ACP) that works in sandboxes; None takes the one a run names, else an echo."""
    sandbox_server_command: str | None = None
    """The command line that stands before the flags of the server in a sandbox; None is `runyard agent-server`."""
    sandbox_variables: tuple[str, ...] = ()
    """Variables of the environment that agents in sandboxes get too, such as keys of models, each `NAME=value`.

    In the server's own environment the setting names them, and their values are taken from there."""
    sandbox_paths: tuple[str, ...] = ()
    """Further folders that agents in sandboxes may read, such as programs outside `/usr`."""
    sandbox_repositories: tuple[str, ...] = ()
    """Where repositories of coding tasks are cloned from: folders and `https://` URLs with `owner/name` below.

    The first that has the repository is taken; without any an agent begins in an empty folder."""
    sandbox_keep_changes: bool = True
    """Whether what an agent changed in its folder becomes a file of its run, before the folder is removed."""
    sandbox_memory_mb: int = 2048
    """Memory that all processes of a sandbox may use together."""
    sandbox_processes: int = 512
    """How many processes and threads a sandbox may have."""
    sandbox_seconds: float = 6 * 3600
    """How long a sandbox may live."""
    sandbox_concurrency: int = 4
    """How many sandboxes this server keeps at once."""
    starvation_after: float = 120
    """After how many seconds it is looked after a run of a task that nobody takes; 0 never looks after any."""
    starvation_cycle: float = 15
    """How many seconds lie between two looks."""
    starvation_told: int = 6
    """With which look it is told in the task's timeline that the run starves."""
    starvation_parked: int = 10
    """With which look the run is queued no more and needs attention."""
    log_format: str = "auto"
    """`json`, `console`, or `auto`: console on a terminal."""
    log_level: str = "info"
    """`debug`, `info`, `warning` or `error`."""
    drain_seconds: float = 10
    """How long requests under way may take when the server is told to stop."""

    @property
    def readable_folders(self) -> tuple[str, ...]:
        """The folders of `review_roots` by every name they have: as they were given, and where links lead."""
        return tuple(dict.fromkeys([*self.review_roots, *map(os.path.realpath, self.review_roots)]))


_FOLDERS = {"review_roots", "managed_roots", "managed_paths", "sandbox_paths"}


def load(environ: Mapping[str, str] | None = None, /, **overrides: Any) -> Settings:
    """Settings from the environment and the given overrides (which win). Raises `ValueError` naming a bad setting."""
    environ = os.environ if environ is None else environ
    given: dict[str, Any] = {}
    for field in msgspec.structs.fields(Settings):
        text = environ.get(f"RUNYARD_{field.name.upper()}")
        if text is None:
            continue
        given[field.name] = _parsed(field.name, field.type, text)
    if "sandbox_variables" in given:
        given["sandbox_variables"] = _valued(given["sandbox_variables"], environ)
    given |= {name: value for name, value in overrides.items() if value is not None}
    return msgspec.convert(given, Settings, strict=False, dec_hook=_hook)


def _parsed(name: str, kind: Any, text: str) -> Any:
    if kind is bool:
        if text.lower() not in {"0", "1", "true", "false", "yes", "no", "on", "off"}:
            raise ValueError(f"RUNYARD_{name.upper()} must be 1 or 0, not {text!r}")
        return text.lower() in {"1", "true", "yes", "on"}
    if kind == tuple[str, ...]:
        separator = os.pathsep if name in _FOLDERS else ","
        return tuple(part.strip() for part in text.split(separator) if part.strip())
    if kind in {int, float}:
        try:
            return kind(text)
        except ValueError:
            raise ValueError(f"RUNYARD_{name.upper()} must be a number, not {text!r}") from None
    return text or None


def _valued(names: tuple[str, ...], environ: Mapping[str, str]) -> tuple[str, ...]:
    missing = [name for name in names if name not in environ]
    if missing:
        raise ValueError(f"RUNYARD_SANDBOX_VARIABLES names {', '.join(missing)}, which the environment does not have")
    return tuple(f"{name}={environ[name]}" for name in names)


def _hook(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value).expanduser()
    raise NotImplementedError
