"""Whole runs with the echo agent: how they begin, what is told of them, and how they end (contract §10.5, §10.6)."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.agent_server.conftest import Hands, Keys, Quick, calm, run, serving, until
from tests.agent_server.plane import BEFORE, INGEST, KEY, RUN, Plane, brief


def texts(plane: Plane, kind: str) -> list[str]:
    """What updates of a kind say in the log."""
    found = [entry["notification"]["params"]["update"] for entry in plane.log if brief(entry) == kind]
    return [update["content"]["text"] for update in found]


def test_a_run_in_the_background_is_over_with_its_first_turn(keys: Keys, tmp_path: Path, plane: Plane) -> None:
    subprocess.run(["git", "init", "-q", "-b", "work", str(tmp_path)], check=True)
    plane.run["state"] = {"mode": "background", "pending_user_message": "hello there", "pending_user_message_ts": "1"}

    async def whole() -> None:
        async with serving(keys, tmp_path, plane, mode="background", permissions="allow") as bench:
            ear = bench.listen()
            assert await bench.ended == 0
            await until(lambda: ear.is_over)
            live = [brief(event) for event in ear.events]
            assert live.count("agent_message_chunk") == 3
            assert (live[0], live[-1]) == ("run_started", "task_complete")
            assert "agent_message" not in live
            by_id = {event.get("event_id"): event for event in ear.events}
            for entry in plane.log:
                if brief(entry) != "agent_message":
                    assert by_id[entry["event_id"]] == entry
            (merged,) = [entry for entry in plane.log if brief(entry) == "agent_message"]
            chunks = [event["event_id"] for event in ear.events if brief(event) == "agent_message_chunk"]
            assert [merged["first_event_id"], merged["event_id"]] == [chunks[0], chunks[-1]]

    run(whole())
    assert plane.whats() == [
        "GET ",
        f"GET /runs/{RUN}",
        f"PATCH /runs/{RUN}",
        f"PATCH /runs/{RUN}",
        f"POST /runs/{RUN}/relay_message",
        f"PATCH /runs/{RUN}",
        f"POST /runs/{RUN}/append_log",
        f"PATCH /runs/{RUN}",
    ]
    changes = [call.body for call in plane.calls if call.method == "PATCH"]
    used = {"input_tokens": 2, "output_tokens": 2, "cache_read_tokens": 0, "cache_write_tokens": 0}
    used |= {"thought_tokens": 0, "total_tokens": 4, "turns": 1}
    assert changes == [
        {"status": "in_progress"},
        {"state": {"token_usage": used}},
        {"state_remove_keys": ["pending_user_message", "pending_user_message_ts"]},
        {"status": "completed"},
    ]
    assert plane.methods() == [
        *("run_started", "sdk_session", "user_message", "tool_call", "tool_call_update"),
        *("agent_message", "usage_update", "usage_update", "turn_complete", "task_complete"),
    ]
    assert texts(plane, "agent_message") == ["echo: hello there"]
    (relayed,) = [call.body for call in plane.calls if call.what.endswith("relay_message")]
    assert relayed == {"text": "echo: hello there", "text_parts": ["echo: hello there"]}
    assert (tmp_path / "ECHO.md").read_text() == "hello there\n"


def test_an_interactive_run_takes_messages_until_it_is_over(keys: Keys, tmp_path: Path, plane: Plane) -> None:
    subprocess.run(["git", "init", "-q", "-b", "one", str(tmp_path)], check=True)

    async def whole() -> None:
        async with serving(keys, tmp_path, plane) as bench:
            await bench.ready()
            health = (await bench.http.get("/health")).json()
            assert (health["hasSession"], health["readiness"], health["failureCode"]) == (True, "ready", None)
            assert plane.run["status"] == "in_progress"
            await bench.result("user_message", content="please run: git switch -q -c two")
            both = [bench.result("user_message", content=text, messageId=text) for text in ("first", "second")]
            again = bench.result("user_message", content="first", messageId="first")
            said = await asyncio.gather(*both, again)
            assert [one["assistant_message"] for one in said] == ["echo: first", "echo: second", "echo: first"]
            assert {one["stopReason"] for one in said} == {"end_turn"}
            seen = {"stopReason": "duplicate_delivery", "duplicate": True}
            assert await bench.result("user_message", content="first", messageId="first") == seen
            assert (plane.run["branch"], plane.run["output"]) == ("two", {"head_branch": "two"})
            assert plane.run["state"]["token_usage"]["turns"] == 4

            options = (await bench.result("set_config_option", configId="voice", value="loud"))["configOptions"]
            assert options[0]["currentValue"] == "loud"
            assert (await bench.result("user_message", content="cry"))["assistant_message"] == "ECHO: CRY"
            for wrong in ({"configId": "none", "value": "x"}, {"configId": "voice", "value": "x"}):
                assert (await bench.call("set_config_option", **wrong))["error"]["code"] == -32000
            failed = await bench.result("user_message", content="please fail")
            assert (failed["stopReason"], "asked to fail" in failed["error"]) == ("error_recoverable", True)

            plane.run["status"] = "cancelled"
            await bench.result("user_message", content="the end")
            assert await bench.ended == 0

    run(whole())
    assert (tmp_path / "ECHO.md").read_text() == "\n".join(
        ["do something", "please run: git switch -q -c two", "first", "second", "cry", "the end", ""]
    )
    assert "completed" not in [call.body.get("status") for call in plane.calls if call.method == "PATCH"]


def test_somebody_decides_what_the_agent_asks_leave_for(keys: Keys, tmp_path: Path, plane: Plane) -> None:
    plane.task["description"] = "please ask"

    async def whole() -> None:
        async with serving(keys, tmp_path, plane) as bench:
            ear = bench.listen()

            def asked() -> list[dict[str, Any]]:
                return [event for event in ear.events if event["type"] == "permission_request"]

            await until(asked)
            (request,) = asked()
            assert [option["optionId"] for option in request["options"]] == ["yes", "no"]
            assert request["toolCall"]["locations"] == [{"path": str(tmp_path / "ECHO.md")}]
            answer = {"requestId": request["requestId"], "optionId": "yes"}
            for wrong in ({**answer, "requestId": "x"}, {**answer, "optionId": "x"}):
                assert (await bench.call("permission_response", **wrong))["error"]["code"] == -32000
            assert await bench.result("permission_response", **answer, customInput="well") == {"resolved": True}
            await bench.ready()
            assert (await bench.call("permission_response", **answer))["error"]["code"] == -32000

            turn = asyncio.create_task(bench.result("user_message", content="please ask again"))
            await until(lambda: len(asked()) == 2)
            assert await bench.result("cancel") == {"cancelled": True}
            assert (await turn)["stopReason"] == "cancelled"
            assert await bench.result("cancel") == {"cancelled": True}

            turn = asyncio.create_task(bench.result("user_message", content="please ask once more"))
            await until(lambda: len(asked()) == 3)
            assert await bench.result("close") == {"closed": True}
            # Closing rejects, and the agent has a moment to end its turn.
            assert (await turn)["stopReason"] in {"end_turn", "cancelled"}
            await until(lambda: ear.is_over)
            gone = await bench.command({"jsonrpc": "2.0", "method": "cancel"})
            assert (gone.status_code, gone.json()) == (400, {"error": "No active session for this run"})
            resolved = [e["notification"]["params"]["optionId"] for e in plane.log if brief(e) == "permission_resolved"]
            assert resolved == ["yes", None, "no"]

            other = bench.listen()
            await until(lambda: [event["type"] for event in other.events] == ["connected"])
            assert (await bench.result("user_message", content="anew"))["stopReason"] == "end_turn"

    run(whole())
    assert (tmp_path / "ECHO.md").read_text() == "please ask\nanew\n"


def test_a_turn_is_steered_and_cancelled(keys: Keys, tmp_path: Path, plane: Plane) -> None:
    plane.run["state"] = {"prewarmed": True}

    async def whole() -> None:
        async with serving(keys, tmp_path, plane) as bench:
            await bench.ready()
            turn = asyncio.create_task(bench.result("user_message", content="please wait"))
            ear = bench.listen()
            await until(lambda: "agent_message_chunk" in map(brief, ear.events))
            steered = await bench.result("user_message", content="go on", steer=True)
            assert steered == {"stopReason": "steered", "steered": True}
            assert (await turn)["assistant_message"] == "waiting\n\necho: go on"
            turn = asyncio.create_task(bench.result("user_message", content="please wait"))
            queued = asyncio.create_task(bench.result("user_message", content="next"))
            await until(lambda: list(map(brief, ear.events)).count("agent_message_chunk") >= 5)
            await bench.result("cancel")
            assert (await turn)["stopReason"] == "cancelled"
            assert (await queued)["assistant_message"] == "echo: next"
            bench.server._session.agent.capabilities = type(bench.server._session.agent.capabilities)()  # type: ignore[union-attr]
            turn = asyncio.create_task(bench.result("user_message", content="please wait"))
            await until(lambda: bench.server._session._in_turn)  # type: ignore[union-attr]
            declined = await bench.result("user_message", content="x", steer=True, messageId="m")
            assert (declined["stopReason"], declined["steered"]) == ("steer_declined", False)
            await bench.result("cancel")
            assert (await turn)["stopReason"] == "cancelled"
            # It was never delivered, so it may come again.
            assert (await bench.result("user_message", content="x", messageId="m"))["stopReason"] == "end_turn"

    run(whole())


@pytest.mark.parametrize(
    ("said", "message", "code"),
    [
        ("please crash", "Agent process crashed: exit code 3: echo was asked to crash", "agent_crashed"),
        ("please fail", "The agent failed: echo was asked to fail", "agent_failed"),
        ("please refuse", "The agent stopped before the end: refusal", "agent_stopped"),
        ("", "There is nothing to do: neither a message nor a description of the task", "nothing_to_do"),
    ],
)
def test_what_goes_wrong_is_told_and_ends_the_run(
    keys: Keys, tmp_path: Path, plane: Plane, said: str, message: str, code: str
) -> None:
    plane.task["description"] = said

    async def whole() -> None:
        async with serving(keys, tmp_path, plane, mode="background") as bench:
            assert await bench.ended == 1
            assert bench.server.health()["failureCode"] == code

    run(whole())
    assert (plane.run["status"], plane.run["error_message"]) == ("failed", message)
    assert [entry["notification"]["params"]["error"] for entry in plane.log if brief(entry) == "error"] == [message]


def test_an_agent_that_cannot_be_started_fails_the_run(keys: Keys, tmp_path: Path, plane: Plane) -> None:
    for command, message in (
        (("/no/such/agent",), "/no/such/agent cannot be started: No such file or directory"),
        (("/bin/sh", "-c", "echo of no use >&2; exit 4"), "exit code 4: of no use"),
    ):

        async def whole(command: tuple[str, ...] = command) -> None:
            async with serving(keys, tmp_path, plane, command=command) as bench:
                assert await bench.ended == 1

        run(whole())
        assert plane.run["error_message"] == f"The agent could not be started: {message}"
        plane.run["status"] = "queued"


@pytest.mark.parametrize("remembers", [True, False])
def test_a_conversation_goes_on_where_it_ended(keys: Keys, tmp_path: Path, plane: Plane, remembers: bool) -> None:
    def entry(method: str, params: dict[str, Any]) -> dict[str, Any]:
        return {"type": "notification", "notification": {"jsonrpc": "2.0", "method": method, "params": params}}

    def update(kind: str, text: str) -> dict[str, Any]:
        update = {"sessionUpdate": kind, "content": {"type": "text", "text": text}}
        return entry("session/update", {"sessionId": "s", "update": update})

    old = "echo-old" if remembers else "somebody-else's"
    plane.logs[BEFORE] = [
        entry("__posthog/sdk_session", {"sessionId": old}),
        update("user_message", "what is up?"),
        update("agent_message", "the sky"),
    ]
    plane.run["state"] = {"resume_from_run_id": BEFORE, "pending_user_message": "and down?"}

    async def whole() -> None:
        async with serving(keys, tmp_path, plane, mode="background") as bench:
            assert await bench.ended == 0

    run(whole())
    assert texts(plane, "user_message") == ["and down?"]
    (answer,) = texts(plane, "agent_message")
    if remembers:
        # What was said before is told by the agent again, and is in the log of the other run.
        assert answer == "echo: and down?"
    else:
        assert "User: what is up?\n\nAgent: the sky\n</conversation>" in answer
        assert answer.endswith("and down?")


def test_the_output_is_what_the_task_asks_for(keys: Keys, tmp_path: Path, plane: Plane) -> None:
    plane.task["json_schema"] = {"type": "object"}
    plane.run["state"] = {"initial_prompt_override": 'please answer: here\n```json\n{"a": 1}\n```'}

    async def whole() -> int:
        async with serving(keys, tmp_path, plane, mode="background") as bench:
            return await bench.ended

    assert run(whole()) == 0
    assert (plane.run["status"], plane.run["output"]) == ("completed", {"a": 1})
    assert texts(plane, "user_message") == [plane.run["state"]["initial_prompt_override"]]
    plane.run.update(status="queued", state={"initial_prompt_override": "please answer: nothing"})
    assert run(whole()) == 1
    assert "JSON" in plane.run["error_message"]


def test_files_and_more_messages_that_wait_are_given(keys: Keys, tmp_path: Path, plane: Plane) -> None:
    plane.files = {"a/b": b"content"}
    plane.run["artifacts"] = [
        {"id": "1", "name": "../../x y.txt", "type": "user_attachment", "storage_path": "a/b", "size": 7}
        | {"source": "", "content_type": "text/plain", "uploaded_at": "2026-01-01T00:00:00Z"}
    ]
    follow_ups = [{"id": "f", "content": "more"}]
    plane.run["state"] = {"pending_user_artifact_ids": ["1"], "pending_followup_messages": follow_ups, "kept": 1}

    async def whole() -> None:
        async with serving(keys, tmp_path, plane, mode="background") as bench:
            assert await bench.ended == 0

    run(whole())
    place = tmp_path.resolve() / ".posthog/attachments" / RUN / "1" / "x_y.txt"
    assert place.read_bytes() == b"content"
    assert texts(plane, "agent_message") == [f"echo: [resource_link {place.as_uri()}]", "echo: more"]
    assert set(plane.run["state"]) == {"kept", "token_usage"}
    assert plane.run["status"] == "completed"


def test_the_agent_works_through_us_in_its_folder_only(keys: Keys, tmp_path: Path, plane: Plane) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    (tmp_path / "secret").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    plane.run["state"] = {"prewarmed": True}

    async def whole() -> None:
        environment = {"PATH": "/usr/bin:/bin", "SEEN": "yes"}
        async with serving(keys, folder, plane, environment=environment) as bench:
            await bench.ready()

            async def said(text: str) -> str:
                return str((await bench.result("user_message", content=text))["assistant_message"])

            assert await said("please run: echo $SEEN; pwd; exit 3") == f"yes\n{folder.resolve()} (3)"
            (folder / "inside").write_text("inside")
            assert await said(f"please read: {folder}/inside") == "inside"
            for path in (tmp_path / "secret", folder / "link", folder / "../secret", "inside", "/etc/passwd"):
                assert (await said(f"please read: {path}")).startswith("refused: ")
            assert "There is no file" in await said(f"please read: {folder}/none")

    run(whole())


def test_events_are_sent_where_they_are_asked_for(keys: Keys, tmp_path: Path, plane: Plane) -> None:
    failures = iter([(503, {"error": "later"}), (0, b"")])
    plane.refuse = lambda what, body: next(failures, None) if what.endswith("event_stream") and body else None

    async def whole() -> None:
        async with serving(keys, tmp_path, plane, clock=Quick(), mode="background", ingest_token=INGEST) as bench:
            assert await bench.ended == 0

    run(whole())
    told = [brief(event) for event in plane.events]
    assert (told[0], told[-1], told.count("agent_message_chunk")) == ("run_started", "task_complete", 3)
    assert plane.complete == len(plane.events)


def test_a_control_plane_in_trouble_is_asked_again(keys: Keys, tmp_path: Path, plane: Plane) -> None:
    troubles = {"GET ": [0, 503, 401], f"PATCH /runs/{RUN}": [429, 408], f"POST /runs/{RUN}/append_log": [500, 403]}

    def refuse(what: str, body: Any) -> tuple[int, Any] | None:
        return (left.pop(0), {"detail": "no"}) if (left := troubles.get(what)) else None

    plane.refuse = refuse

    async def whole() -> None:
        async with serving(keys, tmp_path, plane, clock=Quick(), mode="background") as bench:
            assert await bench.ended == 0

    run(whole())
    assert plane.run["status"] == "completed"
    assert plane.methods()[-1] == "task_complete"
    assert not any(troubles.values())


def test_a_run_that_is_over_is_not_begun(keys: Keys, tmp_path: Path, plane: Plane) -> None:
    plane.run["status"] = "cancelled"

    async def whole() -> None:
        async with serving(keys, tmp_path, plane) as bench:
            assert await bench.ended == 0

    run(whole())
    assert plane.whats() == ["GET ", f"GET /runs/{RUN}"]


def test_a_run_that_is_cancelled_or_gone_is_left(keys: Keys, tmp_path: Path, plane: Plane) -> None:
    plane.task["description"] = "please wait"

    async def whole(code: int) -> None:
        clock = Hands()
        async with serving(keys, tmp_path, plane, clock=clock) as bench:
            await until(lambda: "agent_message_chunk" in map(brief, bench.heard))
            # The log is written, so that nothing else is asked that would tell.
            await clock.forward(10)
            assert not bench.ended.done()
            if code == 0:
                plane.run["status"] = "cancelled"
            else:
                plane.refuse = lambda what, body: (404, {"detail": "Not found."}) if what.startswith("GET") else None
            await clock.forward(19)
            assert not bench.ended.done()
            await clock.forward(1)
            assert await bench.ended == code

    run(whole(0))
    assert "agent_message" in plane.methods()
    plane.run["status"] = "queued"
    run(whole(1))


def test_work_begins_when_the_repository_is_there(
    keys: Keys, tmp_path: Path, plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runyard.agent_server.opening.READY_SECONDS", 5)
    sign = tmp_path / "cloned"

    async def whole() -> None:
        clock = Hands()
        async with serving(keys, tmp_path, plane, clock=clock, ready_file=sign) as bench:
            await clock.forward(4)
            health = bench.server.health()
            assert (health["readiness"], health["hasSession"]) == ("starting", False)
            reply = await bench.command({"jsonrpc": "2.0", "method": "cancel"})
            assert (reply.status_code, reply.json()) == (400, {"error": "No active session for this run"})
            sign.touch()
            await clock.forward(1)
            await bench.ready()
            assert bench.server.health()["readiness"] == "ready"

    run(whole())
    sign.unlink()

    async def never() -> None:
        clock = Hands()
        async with serving(keys, tmp_path, plane, clock=clock, ready_file=sign) as bench:
            await calm()
            await clock.forward(6)
            assert await bench.ended == 1

    run(never())
    assert "did not appear" in plane.run["error_message"]


def test_secrets_of_ours_are_not_the_agents(keys: Keys, tmp_path: Path, plane: Plane) -> None:
    from runyard.agent_server.launch import Flags, read

    environment = {
        "JWT_PUBLIC_KEY": keys.pem,
        "POSTHOG_API_URL": "http://plane",
        "POSTHOG_PERSONAL_API_KEY": KEY,
        "POSTHOG_PROJECT_ID": "7",
        "ANTHROPIC_API_KEY": "theirs",
    }
    launch = read(Flags(task_id=RUN, run_id=RUN), environment, tmp_path)
    assert launch.environment == {
        "POSTHOG_API_URL": "http://plane",
        "POSTHOG_PROJECT_ID": "7",
        "ANTHROPIC_API_KEY": "theirs",
    }
