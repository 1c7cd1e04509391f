"""What agents say in chat threads, and how their runs stand there (contract §8), over a stand-in for Slack."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from runyard.engine.coding import relaying
from runyard.engine.coding.relaying import Said
from runyard.loops.relays import Teller
from runyard.outbound.slack import Slack
from tests.dialects.posthog.client import Posthog, good, path_of, refused
from tests.support.api import Api
from tests.support.slack import Workspace
from tests.support.stand import ADMIN
from tests.support.verbs import Json

CHANNEL, THREAD = "C0123456789", "1712345678.000100"
URL = f"https://team.slack.com/archives/{CHANNEL}/p1712345678000100"


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    """A workspace of Slack's."""
    found = Workspace()
    yield found
    found.close()


@pytest.fixture
def tell(posthog: Posthog, workspace: Workspace) -> Any:
    """Says all that is due."""
    slack = Slack("xoxb-test", workspace.url)

    async def all_due() -> None:
        teller = Teller(posthog.stand.store, slack)
        while await teller.tell_once() == 0.0:
            pass

    yield lambda: asyncio.run(all_due())
    slack.close()


def mapped(posthog: Posthog, **said: Any) -> Json:
    """A run with a thread."""
    return posthog.run(state={"slack_thread_url": URL}, **said)


def relay(posthog: Posthog, run: Json, text: str = "hello", **said: Any) -> Json:
    """What is answered to a message."""
    found: Json = good(posthog.post(path_of(run, "relay_message/"), {"text": text, **said}))
    return found


def native(posthog: Posthog) -> Api:
    """The native API with the admin key."""
    return Api(posthog.stand.http, posthog.stand.contract, ADMIN)


def states(posthog: Posthog, run: Json) -> list[tuple[str, str]]:
    """Kind and state of what was to be said, newest first."""
    return [(one["kind"], one["state"]) for one in good(native(posthog).get(f"/runs/{run['id']}/relays"))["data"]]


def test_a_message_is_posted_once_into_the_thread_and_remembered(
    posthog: Posthog, workspace: Workspace, tell: Any
) -> None:
    run = mapped(posthog, status="in_progress")
    good(native(posthog).put(f"/runs/{run['id']}/thread", {"channel": CHANNEL, "thread": THREAD, "mention": "U0123"}))
    tell()
    assert workspace.texts == ["*a task*: Working"]
    found = relay(posthog, run, "ignored", text_parts=["first", "**done** & dusted", " "])
    assert found["status"] == "accepted"
    tell()
    tell()
    assert workspace.texts == ["<@U0123> *done* &amp; dusted"], "what said how far it was is gone"
    assert workspace.messages.popitem()[1]["thread_ts"] == THREAD
    assert posthog.see(run)["state"]["slack_sent_relay_ids"] == [found["relay_id"]]
    assert ("message", "sent") in states(posthog, run)


def test_nothing_is_relayed_where_nobody_would_hear_it(posthog: Posthog) -> None:
    assert relay(posthog, posthog.run(status="in_progress")) == {"status": "skipped"}
    assert relay(posthog, mapped(posthog, status="completed")) == {"status": "skipped"}
    assert relay(posthog, mapped(posthog, status="in_progress"), text_parts=[" "]) == {"status": "skipped"}
    run = mapped(posthog)
    refused(posthog.post(path_of(run, "relay_message"), {"text": "  "}), 400, code="blank", attr="text")
    refused(posthog.post(path_of(run, "relay_message"), {"text": "x" * 10_001}), 400, code="max_length", attr="text")
    refused(posthog.post(path_of(run, "relay_message"), {}), 400, code="required", attr="text")


def test_one_message_says_how_far_a_run_is_and_its_end_is_posted(
    posthog: Posthog, workspace: Workspace, tell: Any
) -> None:
    run = mapped(posthog, status="queued")
    tell()
    posthog.change(run, status="in_progress", stage="plan")
    posthog.change(run, stage="build")
    tell()
    assert workspace.texts == ["*a task*: Working: build"]
    posthog.change(run, output={"pr_url": "https://github.com/a/b/pull/1"})
    tell()
    assert workspace.texts == ["*a task*: Working: build\n<https://github.com/a/b/pull/1|Pull request>"]
    posthog.change(run, status="completed")
    tell()
    assert workspace.texts == ["*a task* is done.\n<https://github.com/a/b/pull/1|Pull request>"]
    assert workspace.reactions == {(THREAD, "white_check_mark")}
    posthog.change(run, output={"pr_url": "https://github.com/a/b/pull/1", "more": 1})
    calls = len(workspace.calls)
    tell()
    assert len(workspace.calls) == calls, "nothing new is said"
    assert {one for one in states(posthog, run) if one[1] != "sent"} == set()


def test_a_failed_run_says_why(posthog: Posthog, workspace: Workspace, tell: Any) -> None:
    posthog.change(mapped(posthog), status="failed", error_message="<oops> & out")
    tell()
    assert workspace.texts == ["*a task* failed. &lt;oops&gt; &amp; out"]
    assert workspace.reactions == {(THREAD, "x")}


def test_what_slack_refuses_is_tried_three_times_and_then_told(
    posthog: Posthog, workspace: Workspace, tell: Any
) -> None:
    run = mapped(posthog, status="in_progress")
    tell()
    relay(posthog, run)
    workspace.failures.extend([(200, {"ok": False, "error": "channel_not_found"}, {})] * 3)
    for seconds in (0, 6, 31, 100):
        posthog.stand.clock.forward(seconds=seconds)
        tell()
    assert states(posthog, run)[0] == ("message", "failed")
    (last, *_) = good(native(posthog).get(f"/runs/{run['id']}/relays"))["data"]
    assert "channel_not_found" in last["error"]
    assert last["attempts"] == 3


def test_slack_is_left_alone_as_long_as_it_asks(posthog: Posthog, workspace: Workspace, tell: Any) -> None:
    run = mapped(posthog, status="in_progress")
    tell()
    relay(posthog, run)
    workspace.failures.extend([(429, {"ok": False, "error": "ratelimited"}, {"retry-after": "90"})] * 4)
    for _ in range(4):
        tell()
        calls = len(workspace.calls)
        posthog.stand.clock.forward(seconds=80)
        tell()
        assert len(workspace.calls) == calls
        posthog.stand.clock.forward(seconds=11)
    tell()
    assert states(posthog, run)[0] == ("message", "sent")


def test_a_message_whose_sender_died_is_sent_again_unless_it_is_known_to_be_sent(
    posthog: Posthog, workspace: Workspace, tell: Any
) -> None:
    run = mapped(posthog, status="in_progress")
    tell()
    sent = relay(posthog, run, "one")["relay_id"]
    lost = relay(posthog, run, "two")["relay_id"]
    store = posthog.stand.store
    assert {turn.relay.id for turn in store.transact(relaying.take, 10)} == {sent, lost}
    tell()
    assert "one" not in workspace.texts, "they are somebody's for a while"
    posthog.as_key(ADMIN).change(run, state={"slack_sent_relay_ids": [sent]})
    posthog.stand.clock.forward(seconds=91)
    tell()
    assert workspace.texts == ["two"]
    assert posthog.see(run)["state"]["slack_sent_relay_ids"] == [sent, lost]


def test_a_message_at_which_its_senders_die_is_given_up(posthog: Posthog, workspace: Workspace, tell: Any) -> None:
    run = mapped(posthog, status="in_progress")
    tell()
    relay(posthog, run, "deadly")
    for attempt in (1, 2, 3):
        (turn,) = posthog.stand.store.transact(relaying.take, 1)
        assert turn.relay.attempts == attempt
        posthog.stand.clock.forward(seconds=91)
    relay(posthog, run, "harmless")
    tell()
    assert workspace.texts == ["harmless"]
    assert states(posthog, run)[:2] == [("message", "sent"), ("message", "failed")]
    failed = good(native(posthog).get(f"/runs/{run['id']}/relays"))["data"][1]
    assert (failed["attempts"], "ended each of the 3 times" in failed["error"]) == (3, True)
    # Whoever took it last, and lives after all, changes nothing any more.
    posthog.stand.store.transact(relaying.settle, Said(turn=turn))
    assert states(posthog, run)[1] == ("message", "failed")


def test_a_message_that_is_put_off_again_and_again_is_given_up_after_a_day(
    posthog: Posthog, workspace: Workspace, tell: Any
) -> None:
    run = mapped(posthog, status="in_progress")
    tell()
    relay(posthog, run)
    workspace.failures.extend([(429, {"ok": False, "error": "ratelimited"}, {"retry-after": "3600"})] * 30)
    for hours in range(24):
        tell()
        assert states(posthog, run)[0] == ("message", "failed" if hours == 23 else "queued")
        posthog.stand.clock.forward(hours=1, seconds=1)
    assert "put off" in good(native(posthog).get(f"/runs/{run['id']}/relays"))["data"][0]["error"]


def test_what_is_said_of_a_task_that_was_deleted_meanwhile_is_said_once(
    posthog: Posthog, workspace: Workspace, tell: Any
) -> None:
    run = mapped(posthog, status="in_progress")
    tell()
    relay(posthog, run, "goodbye")
    assert posthog.delete(f"tasks/{run['task']}").status_code == 204
    for _ in range(2):
        tell()
        posthog.stand.clock.forward(seconds=91)
    assert [one["text"] for _, one in workspace.calls if one.get("text") == "goodbye"] == ["goodbye"]
    assert ("message", "sent") in states(posthog, run)


def test_threads_that_cannot_be_are_refused(posthog: Posthog) -> None:
    run, api = posthog.run(), native(posthog)
    for body in ({"channel": "general", "thread": THREAD}, {"channel": CHANNEL, "thread": "now"}):
        assert api.put(f"/runs/{run['id']}/thread", body).status_code == 400
    assert api.get(f"/runs/{run['id']}/thread").status_code == 404
    good(api.put(f"/runs/{run['id']}/thread", {"channel": CHANNEL, "thread": THREAD}))
    assert good(api.get(f"/runs/{run['id']}/thread"))["channel"] == CHANNEL
    assert api.delete(f"/runs/{run['id']}/thread").status_code == 204
    assert api.delete(f"/runs/{run['id']}/thread").status_code == 404
