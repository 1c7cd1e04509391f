"""Webhooks and what was sent to them, on the command line."""

from __future__ import annotations

from typing import Any

from tests.cli.conftest import Command
from tests.cli.server import AT, Script, page

ID = "0199b3c4-0000-7000-8000-00000000d004"
SENT = "0199b3c4-0000-7000-8000-00000000d005"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
URL = "https://example.com/hook"


def webhook(**fields: Any) -> dict[str, Any]:
    """A webhook as the server tells it."""
    return {"id": ID, "url": URL, "events": ["agent.completed"], "enabled": True, "created_at": AT, **fields}


def delivery(**fields: Any) -> dict[str, Any]:
    """A message as the server tells it."""
    said = {"id": SENT, "webhook_id": ID, "event_id": "evt_1", "event": "agent.completed", "state": "failed"}
    return {**said, "created_at": AT, "tries": [{"number": 1, "at": AT, "error": "nobody there"}], **fields}


def test_a_webhook_is_made_and_its_secret_shown_once(cli: Command, server: Script) -> None:
    server.on("POST", "/webhooks", webhook(secret=SECRET), status=201)
    result = cli("webhooks", "create", URL, "--event", "agent.completed,agent.failed", "--description", "team")
    assert SECRET in result.out
    assert "cannot be shown again" in result.err
    assert server.asked[0].body == {
        "url": URL,
        "events": ["agent.completed", "agent.failed"],
        "description": "team",
    }
    assert cli("webhooks", "create", URL, "--event", "*", "-o", "json").json["secret"] == SECRET


def test_a_webhook_without_events_is_a_mistake(cli: Command, server: Script) -> None:
    assert cli("webhooks", "create", URL).code == 2
    assert cli("webhooks", "update", ID).code == 2
    assert server.asked == []


def test_webhooks_are_listed_and_shown(cli: Command, server: Script) -> None:
    server.on("GET", "/webhooks", page(webhook(failing_since=AT)))
    server.on("GET", f"/webhooks/{ID}", webhook(enabled=False, disabled_reason="its receiver answered 410 Gone"))
    assert cli("webhooks", "list", "-o", "json").json[0]["url"] == URL
    assert "410 Gone" in cli("webhooks", "get", ID).out


def test_a_webhook_is_changed_stopped_and_started(cli: Command, server: Script) -> None:
    server.on("PATCH", f"/webhooks/{ID}", webhook())
    cli("webhooks", "update", ID, "--address", "https://example.org/", "--event", "*")
    cli("webhooks", "disable", ID)
    cli("webhooks", "enable", ID)
    assert [one.body for one in server.asked] == [
        {"url": "https://example.org/", "events": ["*"]},
        {"enabled": False},
        {"enabled": True},
    ]


def test_a_secret_is_rotated_with_time_to_change_it(cli: Command, server: Script) -> None:
    server.on("POST", f"/webhooks/{ID}/rotate", webhook(secret=SECRET))
    assert SECRET in cli("webhooks", "rotate", ID, "--grace", "1h").out
    assert server.asked[0].body == {"grace_seconds": 3600}


def test_a_webhook_is_deleted_when_that_is_meant(cli: Command, server: Script) -> None:
    server.on("DELETE", f"/webhooks/{ID}", None, status=204)
    assert cli("webhooks", "delete", ID).code == 2
    assert cli("webhooks", "delete", ID, "--yes").code == 0
    assert len(server.asked) == 1


def test_what_was_sent_is_listed_and_sent_again(cli: Command, server: Script) -> None:
    server.on("GET", f"/webhooks/{ID}/deliveries", page(delivery(error="nobody there")))
    server.on("POST", f"/webhooks/{ID}/deliveries/{SENT}/redeliver", delivery(state="waiting"), status=202)
    server.on("POST", f"/webhooks/{ID}/test", delivery(event="webhook.test", state="waiting"), status=202)
    (entry,) = cli("webhooks", "deliveries", ID, "-o", "json").json
    assert (entry["state"], entry["tries"][0]["error"]) == ("failed", "nobody there")
    assert "failed" in cli("webhooks", "deliveries", ID).out
    assert cli("webhooks", "redeliver", ID, SENT, "-q").out.strip() == SENT
    assert "webhook.test" in cli("webhooks", "test", ID).out
