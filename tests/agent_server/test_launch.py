"""What the server may be started with (contract §10)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from runyard.agent_server import presets
from runyard.agent_server.beginning import beginning
from runyard.agent_server.launch import Flags, Launch, LaunchRefused, read
from tests.agent_server.conftest import Keys
from tests.agent_server.plane import RUN, TASK, Plane


@pytest.fixture
def environment(keys: Keys) -> dict[str, str]:
    return {
        "JWT_PUBLIC_KEY": keys.pem.replace("\n", "\\n"),
        "POSTHOG_API_URL": "http://plane/",
        "POSTHOG_PERSONAL_API_KEY": "phx_secret",
        "POSTHOG_PROJECT_ID": "7",
        "ANTHROPIC_API_KEY": "theirs",
        "POSTHOG_TASK_RUN_EVENT_INGEST_TOKEN": "ours",
    }


def launched(environment: dict[str, str], here: Path, more: dict[str, str] | None = None, **flags: Any) -> Launch:
    return read(Flags(**{"task_id": TASK.upper(), "run_id": RUN, **flags}), {**environment, **(more or {})}, here)


def test_what_is_said_is_read(environment: dict[str, str], keys: Keys, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    launch = launched(environment, tmp_path, repository_path=Path("work"), create_pr="true", base_branch="main")
    assert (launch.task_id, launch.project, launch.api_url) == (TASK, 7, "http://plane")
    assert launch.public_key == keys.pem
    assert launch.folder == (tmp_path / "work").resolve()
    assert (launch.command, launch.permissions, launch.create_pr) == (presets.ECHO, "ask", True)
    assert launched(environment, tmp_path, mode="background").permissions == "allow"
    assert launched(environment, tmp_path, {"RUNYARD_PERMISSIONS": "reject"}).permissions == "reject"
    assert launched(environment, tmp_path, {"RUNYARD_PERMISSIONS": "reject"}, permissions="ask").permissions == "ask"
    own = {"RUNYARD_AGENT_COMMAND": "my agent 'with space'", "POSTHOG_CODE_RUNTIME_ADAPTER": "claude"}
    assert launched(environment, tmp_path, own).command == ("my", "agent", "with space")


@pytest.mark.parametrize("adapter", ["claude", "codex", "gemini"])
def test_known_agents_need_no_command_line(environment: dict[str, str], tmp_path: Path, adapter: str) -> None:
    launch = launched(environment, tmp_path, {"POSTHOG_CODE_RUNTIME_ADAPTER": adapter})
    assert launch.command == presets.PRESETS[adapter]


def test_the_agent_does_not_get_what_would_let_it_act_for_us(environment: dict[str, str], tmp_path: Path) -> None:
    kept = {"POSTHOG_API_URL", "POSTHOG_PROJECT_ID", "ANTHROPIC_API_KEY"}
    assert set(launched(environment, tmp_path).environment) == kept


@pytest.mark.parametrize(
    ("more", "flags", "what"),
    [
        ({"POSTHOG_API_URL": "ftp://x"}, {}, "POSTHOG_API_URL"),
        ({"POSTHOG_PROJECT_ID": "@current"}, {}, "POSTHOG_PROJECT_ID"),
        ({"POSTHOG_PERSONAL_API_KEY": " "}, {}, "POSTHOG_PERSONAL_API_KEY"),
        ({"JWT_PUBLIC_KEY": "nonsense"}, {}, "PEM"),
        ({"POSTHOG_AGENT_RUNTIME": "pi"}, {}, "acp"),
        ({"POSTHOG_CODE_RUNTIME_ADAPTER": "other"}, {}, "claude, codex, gemini"),
        ({"RUNYARD_AGENT_COMMAND": "a 'b"}, {}, "RUNYARD_AGENT_COMMAND"),
        ({"RUNYARD_PERMISSIONS": "maybe"}, {}, "allow, ask or reject"),
        ({"POSTHOG_RESUME_RUN_ID": "x"}, {}, "POSTHOG_RESUME_RUN_ID"),
        ({"POSTHOG_TASK_RUN_EVENT_INGEST_URL": "http://x", "POSTHOG_TASK_RUN_EVENT_INGEST_TOKEN": ""}, {}, "TOKEN"),
        ({}, {"task_id": "x"}, "--taskId"),
        ({}, {"repository_path": Path("none")}, "--repositoryPath"),
        ({}, {"create_pr": "yes"}, "--createPr"),
        ({}, {"base_branch": "--force"}, "--baseBranch"),
        ({}, {"allowed_domains": "a.com"}, "--allowedDomains"),
        ({}, {"mcp_servers": "{}"}, "--mcpServers"),
        ({}, {"mcp_servers": '[{"type": "http", "name": "a"}]'}, "url"),
        ({}, {"claude_code_config": "{}"}, "adapter claude"),
        ({"POSTHOG_CODE_RUNTIME_ADAPTER": "claude"}, {"claude_code_config": "[]"}, "systemPrompt"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(
    environment: dict[str, str], tmp_path: Path, more: dict[str, str], flags: dict[str, Any], what: str
) -> None:
    with pytest.raises(LaunchRefused, match=what):
        launched(environment, tmp_path, more, **flags)


def test_a_key_of_another_kind_is_refused(environment: dict[str, str], tmp_path: Path) -> None:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = public.public_bytes(serialization.Encoding.PEM, kind).decode()
    with pytest.raises(LaunchRefused, match="RSA"):
        launched(environment, tmp_path, {"JWT_PUBLIC_KEY": pem})


def test_everything_that_is_missing_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(LaunchRefused) as caught:
        launched({}, tmp_path)
    for name in ("JWT_PUBLIC_KEY", "POSTHOG_API_URL", "POSTHOG_PERSONAL_API_KEY", "POSTHOG_PROJECT_ID"):
        assert name in str(caught.value)


def test_servers_and_settings_reach_the_agent(environment: dict[str, str], tmp_path: Path) -> None:
    servers = [
        {"type": "http", "name": "a", "url": "http://a", "headers": [{"name": "h", "value": "v"}]},
        {"name": "b", "command": "/b", "args": ["c"], "env": []},
    ]
    config = {"systemPrompt": "be kind", "plugins": [{"type": "local", "path": "/p"}]}
    launch = launched(
        environment,
        tmp_path,
        {"POSTHOG_CODE_RUNTIME_ADAPTER": "claude"},
        mcp_servers=msgspec.json.encode(servers).decode(),
        claude_code_config=msgspec.json.encode(config).decode(),
    )
    assert list(launch.mcp_servers) == servers
    assert launch.claude_config == {
        "systemPrompt": "be kind",
        "claudeCode": {"options": {"plugins": [{"type": "local", "path": "/p"}]}},
    }


@pytest.mark.parametrize(
    ("flags", "state", "words"),
    [
        ({}, {}, []),
        ({"create_pr": "false", "auto_publish": "true"}, {}, ["Do not push"]),
        ({"create_pr": "true", "base_branch": "next"}, {}, ["when you are asked", "next"]),
        ({"auto_publish": "true"}, {"pr_base_branch": "trunk"}, ["without being asked", "trunk"]),
        ({"auto_publish": "false"}, {"auto_publish": True}, []),
        ({}, {"auto_publish": True}, ["without being asked"]),
    ],
)
def test_the_agent_is_told_what_to_do_with_its_work(
    environment: dict[str, str], tmp_path: Path, flags: dict[str, Any], state: dict[str, Any], words: list[str]
) -> None:
    plane = Plane()
    begin = beginning(
        launched(environment, tmp_path, **flags), plane.task, {**plane.run, "state": state}, resumes=False
    )
    assert begin.message == "do something"
    assert len(begin.extra) == (1 if words else 0)
    for word in words:
        assert word in begin.extra[0]
