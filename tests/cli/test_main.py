"""The entry: help, global options, errors, exit codes."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from runyard import __version__
from runyard.cli import commands
from tests.cli.conftest import Command
from tests.cli.server import RUN_ID, Script, run

EVERY = [(target, summary) for _, target, summary, _ in commands.ALONE] + [
    (target, summary) for *_, verbs in commands.NOUNS for _, target, summary in verbs
]


def test_help_lists_every_noun(command: Command) -> None:
    result = command("--help")
    assert result.code == 0
    for name, *_ in (*commands.ALONE, *commands.NOUNS):
        assert name in result.out


def test_help_needs_neither_the_sdk_nor_the_server() -> None:
    code = (
        "import sys\nfrom runyard.cli.main import run\nrun(['runs', '--help'])\n"
        "heavy = {'httpx2', 'litestar', 'runyard.sdk', 'runyard.app'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(("target", "summary"), EVERY)
def test_every_command_exists_and_its_summary_is_that_of_its_function(target: str, summary: str) -> None:
    module, name = target.split(":")
    found = getattr(importlib.import_module(f"runyard.cli.{module}"), name)
    assert (found.__doc__ or "").strip().splitlines()[0] == summary


def test_every_noun_explains_itself_and_one_of_its_verbs(command: Command) -> None:
    # What every other verb takes is read for the reference, where a test misses those that are not there.
    words: list[tuple[str, ...]] = [(name,) for name, *_ in (*commands.ALONE, *commands.NOUNS)]
    words += [(noun, verbs[-1][0]) for noun, _, _, verbs in commands.NOUNS]
    for path in words:
        result = command(*path, "--help")
        assert result.code == 0, path
        assert f"Usage: runyard {' '.join(path)}" in result.out


def test_the_command_line_never_imports_what_only_the_app_may(command: Command) -> None:
    folder = Path(commands.__file__).parent
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                assert not node.module.startswith(("litestar", "runyard.engine", "runyard.dialects")), file


def test_version_is_told_two_ways(command: Command) -> None:
    assert command("--version").out.strip() == __version__
    assert command("version", "-o", "json").json["version"] == __version__


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("runs", "nonsense"),
        ("runs", "list", "--nonsense"),
        ("runs", "list", "--limit", "x"),
        ("runs", "list", "--limit", "0"),
        ("runs", "list", "--outcome", "maybe"),
        ("runs", "get"),
        ("runs", "get", "a", "b"),
        ("runs", "cancel"),
        ("runs", "create", "--payload", "{"),
        ("runs", "create", "--metadata", "[]"),
        ("runs", "create", "--delay", "soon"),
        ("runs", "create", "--delay", "1m", "--at", "2030-01-01"),
        ("runs", "create", "--timeout", "1m"),
        ("runs", "create", "--payload", "@/no/such/file"),
        ("runs", "list", "--since", "yesterday"),
        ("runs", "get", "xyz"),
        ("keys", "create", "name"),
        ("jobs", "update", "name"),
        ("jobs", "delete", "name"),
        ("dlq", "replay"),
        ("dlq", "replay", "--job", "x"),
        ("dlq", "replay", RUN_ID, "--all"),
        ("bulk", "start", "cancel"),
        ("bulk", "start", "explode", RUN_ID),
        ("worker", "nothing"),
        ("worker", "no_such_module_here:worker"),
        ("serve", "--port", "many"),
        ("review", "/no/such/folder", "--fail-on", "never", "--no-follow"),
    ],
)
def test_a_wrong_command_line_exits_2_and_says_so_in_json(command: Command, arguments: tuple[str, ...]) -> None:
    result = command(*arguments, "-o", "json", "--url", "http://127.0.0.1:1")
    assert (result.code, result.out) == (2, "")
    assert result.problem["code"] == "usage"
    assert result.problem["message"]
    assert set(result.problem) == {"code", "message", "hint", "retryable", "request_id"}


def test_a_wrong_command_line_is_told_in_words_on_a_table(command: Command) -> None:
    result = command("runs", "list", "--lim", "3")
    assert result.code == 2
    assert result.err.startswith("error: Unknown option: --lim.")
    assert "hint: `runyard runs list --help`" in result.err


@pytest.mark.parametrize("flag", [("-o", "json"), ("-ojson",), ("--output", "json"), ("--output=json",), ("-o=jsonl",)])
def test_every_spelling_of_json_mode_makes_usage_errors_json(command: Command, flag: tuple[str, ...]) -> None:
    assert command(*flag, "nonsense").problem["code"] == "usage"


def test_an_unknown_format_is_a_usage_error(command: Command) -> None:
    assert command("runs", "list", "-o", "yaml").code == 2


def test_global_options_stand_before_or_after_the_command(command: Command, server: Script) -> None:
    server.on("GET", f"/runs/{RUN_ID}", run())
    options = ("--url", server.url, "--key", "ry_k", "--project", "blue", "-o", "json")
    assert command(*options, "runs", "get", RUN_ID).json["id"] == RUN_ID
    assert command("runs", "get", RUN_ID, *options).json["id"] == RUN_ID
    assert {item.headers["authorization"] for item in server.asked} == {"Bearer ry_k"}
    assert {item.headers["x-runyard-project"] for item in server.asked} == {"blue"}


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [
        (400, "invalid", 2),
        (401, "unauthorized", 4),
        (403, "forbidden", 4),
        (404, "not_found", 5),
        (409, "illegal_move", 6),
        (409, "already_exists", 6),
        (422, "idempotency_mismatch", 6),
    ],
)
def test_refusals_have_exit_codes(cli: Command, server: Script, status: int, code: str, exit_code: int) -> None:
    server.refuse("GET", f"/runs/{RUN_ID}", status, code, "because")
    result = cli("runs", "get", RUN_ID, "-o", "json")
    assert (result.code, result.out) == (exit_code, "")
    assert result.problem["code"] == code
    assert result.problem["message"] == "because"
    assert result.problem["request_id"] == "req-1"
    assert result.problem["retryable"] is False


def test_a_problem_names_what_was_wrong_with_which_field(cli: Command, server: Script) -> None:
    body = {"code": "invalid", "detail": "bad", "errors": [{"pointer": "/priority", "detail": "too high"}]}
    server.on("POST", "/runs", body, status=400)
    assert cli("runs", "create", "-o", "json").problem["message"] == "bad; /priority: too high"


def test_a_server_that_does_not_answer_means_try_again(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    result = command("runs", "get", RUN_ID, "-o", "json", "--url", "http://127.0.0.1:1")
    assert result.code == 75
    assert result.problem["code"] == "unreachable"
    assert result.problem["retryable"] is True
    assert "runyard up" in result.problem["hint"]


def test_a_server_that_is_something_else_is_told_apart(cli: Command, server: Script) -> None:
    server.on("GET", f"/runs/{RUN_ID}", "<html>hello</html>", content_type="text/html")
    assert cli("runs", "get", RUN_ID, "-o", "json").problem["code"] == "bad_reply"


def test_a_bad_url_is_a_usage_error(command: Command) -> None:
    assert command("runs", "get", RUN_ID, "--url", "ftp://x", "-o", "json").code == 2


def test_ctrl_c_exits_130(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("platform.platform", interrupt)
    assert command("version").code == 130


def test_a_fault_of_ours_is_told_without_a_traceback(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.platform", lambda: 1 / 0)
    result = command("version", "-o", "json")
    assert result.code == 1
    assert result.problem["code"] == "internal"
    assert "Traceback" not in result.err


def test_a_reader_that_leaves_early_is_no_error() -> None:
    script = "import sys\nfrom runyard.cli.main import main\nsys.argv = ['runyard', '--help']\nmain()"
    shell = f'{sys.executable} -c "{script}" | true; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
