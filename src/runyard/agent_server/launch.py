"""What the server was started with: flags and environment, checked before anything is done (contract §10)."""

from __future__ import annotations

import re
import shlex
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from msgspec import Struct

from runyard.agent_server.presets import ECHO, PRESETS

_T = TypeVar("_T")
Mode = Literal["interactive", "background"]
Policy = Literal["allow", "ask", "reject"]
_WITHHELD = frozenset(
    {
        "JWT_PUBLIC_KEY",
        "POSTHOG_PERSONAL_API_KEY",
        "POSTHOG_TASK_RUN_EVENT_INGEST_TOKEN",
        "POSTHOG_TASK_RUN_SESSION_TOKEN",
    }
)
"""What the agent is not told: it could act on its run, or on others, in our name."""


class LaunchRefused(ValueError):
    """The server cannot be started like this; says everything that is wrong."""


class Flags(Struct, frozen=True, kw_only=True):
    """The flags as they were given."""

    task_id: str
    run_id: str
    host: str = "127.0.0.1"
    port: int = 3001
    mode: Mode = "interactive"
    repository_path: Path | None = None
    repo_ready_file: Path | None = None
    mcp_servers: str | None = None
    create_pr: str | None = None
    auto_publish: str | None = None
    base_branch: str | None = None
    claude_code_config: str | None = None
    allowed_domains: str | None = None
    permissions: Policy | None = None


class Launch(Struct, frozen=True, kw_only=True):
    """One run, whom to tell of it, and the agent that works on it."""

    task_id: str
    run_id: str
    project: int
    api_url: str
    api_key: str
    public_key: str
    folder: Path
    mode: Mode = "interactive"
    host: str = "127.0.0.1"
    port: int = 3001
    permissions: Policy = "ask"
    command: tuple[str, ...] = ECHO
    adapter: str = "echo"
    environment: dict[str, str] = {}
    """What the agent's process gets."""
    ready_file: Path | None = None
    mcp_servers: tuple[dict[str, Any], ...] = ()
    create_pr: bool | None = None
    auto_publish: bool | None = None
    base_branch: str | None = None
    claude_config: dict[str, Any] | None = None
    model: str | None = None
    effort: str | None = None
    resume_run_id: str | None = None
    sandbox_id: str | None = None
    ingest_token: str | None = None
    ingest_url: str | None = None
    keep_changes: bool = False
    """Whether what the agent changed becomes a file of the run."""


def read(flags: Flags, environment: Mapping[str, str], here: Path) -> Launch:
    """The launch; paths are relative to `here`. Raises `LaunchRefused`."""
    wrong: list[str] = []

    def checked(check: Callable[[], _T], instead: _T) -> _T:
        try:
            return check()
        except ValueError as error:
            wrong.append(str(error))
            return instead

    def needed(name: str, why: str) -> str:
        if not environment.get(name, "").strip():
            wrong.append(f"{name} must be set: {why}")
        return environment.get(name, "").strip()

    key = needed("JWT_PUBLIC_KEY", "the public key (PEM) that tokens of callers are checked with").replace("\\n", "\n")
    api_url = needed("POSTHOG_API_URL", "the address of the control plane")
    project = needed("POSTHOG_PROJECT_ID", "the number of the project")
    api_key = needed("POSTHOG_PERSONAL_API_KEY", "a key with the scopes task:read and task:write")
    if environment.get("POSTHOG_AGENT_RUNTIME", "acp") != "acp":
        wrong.append("POSTHOG_AGENT_RUNTIME must be acp: no other runtime is served here")
    if flags.allowed_domains:
        wrong.append("--allowedDomains cannot be kept by this server: restrict the network of the sandbox instead")
    nothing: tuple[str, tuple[str, ...]] = ("echo", ECHO)
    adapter, command = checked(lambda: _agent(environment), nothing)
    claude = checked(lambda: _claude(flags.claude_code_config, adapter), None)
    launch = Launch(
        task_id=checked(lambda: _uuid("--taskId", flags.task_id), ""),
        run_id=checked(lambda: _uuid("--runId", flags.run_id), ""),
        project=checked(lambda: _project(project), 0) if project else 0,
        api_url=checked(lambda: _address("POSTHOG_API_URL", api_url), "") if api_url else "",
        api_key=api_key,
        public_key=checked(lambda: _key(key), "") if key else "",
        folder=checked(lambda: _folder(here / (flags.repository_path or "")), here),
        mode=flags.mode,
        host=flags.host,
        port=flags.port,
        permissions=checked(lambda: _permissions(flags, environment), "ask"),
        command=command,
        adapter=adapter,
        environment={name: value for name, value in environment.items() if name not in _WITHHELD},
        ready_file=here / flags.repo_ready_file if flags.repo_ready_file else None,
        mcp_servers=checked(lambda: _mcp_servers(flags.mcp_servers), ()),
        create_pr=checked(lambda: _truth("--createPr", flags.create_pr), None),
        auto_publish=checked(lambda: _truth("--autoPublish", flags.auto_publish), None),
        base_branch=checked(lambda: _branch(flags.base_branch), None),
        claude_config=claude,
        model=environment.get("POSTHOG_CODE_MODEL") or None,
        effort=environment.get("POSTHOG_CODE_REASONING_EFFORT") or None,
        resume_run_id=checked(lambda: _resumed(environment.get("POSTHOG_RESUME_RUN_ID", "")), None),
        sandbox_id=environment.get("POSTHOG_SANDBOX_ID") or None,
        ingest_token=environment.get("POSTHOG_TASK_RUN_EVENT_INGEST_TOKEN") or None,
        ingest_url=checked(lambda: _ingest(environment), None),
        keep_changes=checked(lambda: _kept(environment), False),
    )
    if wrong:
        raise LaunchRefused("; ".join(wrong))
    return launch


def _agent(environment: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """The adapter and its command line: one's own wins over a preset, and nothing said means echo."""
    adapter = environment.get("POSTHOG_CODE_RUNTIME_ADAPTER", "").strip()
    if own := environment.get("RUNYARD_AGENT_COMMAND", "").strip():
        try:
            command = tuple(shlex.split(own))
        except ValueError as error:
            raise ValueError(f"RUNYARD_AGENT_COMMAND is no command line: {error}") from None
        return adapter or "custom", command
    if adapter and adapter not in PRESETS:
        raise ValueError(
            f"POSTHOG_CODE_RUNTIME_ADAPTER must be one of {', '.join(PRESETS)}, not {adapter!r}; "
            "RUNYARD_AGENT_COMMAND runs any other agent"
        )
    return (adapter, PRESETS[adapter]) if adapter else ("echo", ECHO)


def _uuid(name: str, text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise ValueError(f"{name} must be a UUID, not {text!r}") from None


def _resumed(text: str) -> str | None:
    return _uuid("POSTHOG_RESUME_RUN_ID", text) if text else None


def _project(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise ValueError(f"POSTHOG_PROJECT_ID must be a number, not {text!r}")
    return int(text)


def _address(name: str, text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/]\S*", text):
        raise ValueError(f"{name} must be an http or https address, not {text!r}")
    return text.rstrip("/")


def _ingest(environment: Mapping[str, str]) -> str | None:
    text = environment.get("POSTHOG_TASK_RUN_EVENT_INGEST_URL", "").strip()
    if not text:
        return None
    if not environment.get("POSTHOG_TASK_RUN_EVENT_INGEST_TOKEN"):
        raise ValueError("POSTHOG_TASK_RUN_EVENT_INGEST_URL says nothing without POSTHOG_TASK_RUN_EVENT_INGEST_TOKEN")
    return _address("POSTHOG_TASK_RUN_EVENT_INGEST_URL", text)


def _key(text: str) -> str:
    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("JWT_PUBLIC_KEY must be a public key in PEM (-----BEGIN PUBLIC KEY-----)") from None
    if not isinstance(key, RSAPublicKey):
        raise ValueError(  # noqa: TRY004 - the text is wrong, not its type
            "JWT_PUBLIC_KEY must be an RSA key: tokens are signed with RS256"
        )
    return text


def _folder(path: Path) -> Path:
    found = path.resolve()
    if not found.is_dir():
        raise ValueError(f"--repositoryPath must name a folder, and {str(found)!r} is none")
    return found


def _permissions(flags: Flags, environment: Mapping[str, str]) -> Policy:
    given = flags.permissions or environment.get("RUNYARD_PERMISSIONS") or None
    if given is None:
        return "ask" if flags.mode == "interactive" else "allow"
    try:
        return msgspec.convert(given, Policy)  # type: ignore[no-any-return]
    except msgspec.ValidationError:
        raise ValueError(f"RUNYARD_PERMISSIONS must be allow, ask or reject, not {given!r}") from None


def _kept(environment: Mapping[str, str]) -> bool:
    given = environment.get("RUNYARD_KEEP_CHANGES") or "0"
    if given not in {"0", "1"}:
        raise ValueError(f"RUNYARD_KEEP_CHANGES must be 1 or 0, not {given!r}")
    return given == "1"


def _truth(name: str, text: str | None) -> bool | None:
    if text not in {None, "true", "false"}:
        raise ValueError(f"{name} must be true or false, not {text!r}")
    return None if text is None else text == "true"


def _branch(text: str | None) -> str | None:
    # It is named to the agent, which may put it into a command line.
    if text is not None and not re.fullmatch(r"[A-Za-z0-9][\w./+@-]{0,254}", text):
        raise ValueError(f"--baseBranch must be the name of a branch, not {text!r}")
    return text


class _Header(Struct, frozen=True):
    name: str
    value: str


class _Remote(Struct, frozen=True, kw_only=True):
    type: Literal["http", "sse"]
    name: str
    url: str
    headers: list[_Header] = []


class _Local(Struct, frozen=True, kw_only=True):
    name: str
    command: str
    args: list[str] = []
    env: list[_Header] = []


def _mcp_servers(text: str | None) -> tuple[dict[str, Any], ...]:
    if not text:
        return ()
    try:
        given = msgspec.json.decode(text.encode(), type=list[dict[str, Any]])
        return tuple(msgspec.to_builtins(msgspec.convert(one, _Remote if "type" in one else _Local)) for one in given)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"--mcpServers must be a JSON array of MCP servers as ACP has them: {error}") from None


class _ClaudeConfig(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    system_prompt: str | dict[str, Any] | None = None
    plugins: list[dict[str, Any]] = []


def _claude(text: str | None, adapter: str) -> dict[str, Any] | None:
    """What Claude's bridge reads from the `_meta` of a new session."""
    if not text:
        return None
    if adapter != "claude":
        raise ValueError(f"--claudeCodeConfig is for the adapter claude, and this is {adapter}")
    try:
        config = msgspec.json.decode(text.encode(), type=_ClaudeConfig)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"--claudeCodeConfig must be JSON with systemPrompt and plugins: {error}") from None
    meta: dict[str, Any] = {}
    if config.system_prompt is not None:
        meta["systemPrompt"] = config.system_prompt
    if config.plugins:
        meta["claudeCode"] = {"options": {"plugins": config.plugins}}
    return meta
