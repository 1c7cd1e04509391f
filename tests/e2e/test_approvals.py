"""Runs that ask people, with a worker in this process and a real server."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.sdk import Approval, AsyncContext, Conflict, Context, Run
from tests.e2e.conftest import Place, Working
from tests.e2e.processes import until


def pending(place: Place, run: Run, name: str) -> Approval:
    """What the run waits for under this name, as soon as it does."""
    until(lambda: asked(place, run, name))
    return asked(place, run, name)[0]


def asked(place: Place, run: Run, name: str) -> list[Approval]:
    """The pending approval of this name, if there is one."""
    return [one for one in place.client.runs.approvals(run.id, name=name) if one.state == "pending"]


def test_handlers_ask_and_go_on_with_what_people_decided(place: Place, working: Working) -> None:
    worker = place.worker()

    @worker.job("plain")
    def plain(ctx: Context, payload: Any) -> Any:
        ctx.think("it should be deployed", confidence=0.9)
        decision = ctx.approval("deploy", action="Deploy v2", risk="high", changes=["a.py", "b.py"])
        ctx.observe(f"they said {decision.approved}")
        return [decision.approved, decision.comment, decision.by is not None]

    @worker.job("awaited")
    async def awaited(ctx: AsyncContext, payload: Any) -> Any:
        first = await ctx.approval("first", action="Begin")
        second = await ctx.approval("second", action="Go on", timeout_seconds=3600)
        return [first.approved, second.approved]

    @worker.job("obedient")
    def obedient(ctx: Context, payload: Any) -> None:
        ctx.approval("drop", action="Drop the table", on_reject="cancel")

    with working(worker):
        until(lambda: len(list(place.client.jobs.list())) == 3)
        runs = [place.client.runs.create(job=job) for job in ("plain", "awaited", "obedient")]
        question = pending(place, runs[0], "deploy")
        assert (question.action, question.risk, question.changes) == ("Deploy v2", "high", ["a.py", "b.py"])
        assert question in list(place.client.approvals.list(state="pending"))
        place.client.approvals.reject(question.id, comment="too late in the week")
        with pytest.raises(Conflict):
            place.client.approvals.approve(question.id)
        first = pending(place, runs[1], "first")
        assert first.expires_at is None
        place.client.approvals.approve(first.id)
        second = pending(place, runs[1], "second")
        assert second.expires_at is not None
        place.client.approvals.approve(second.id)
        place.client.approvals.reject(pending(place, runs[2], "drop").id, comment="never")
        ended = [run.wait(timeout=20) for run in runs]

    assert [run.state for run in ended] == ["completed", "completed", "canceled"]
    assert [run.output for run in ended[:2]] == [[False, "too late in the week", True], [True, True]]
    assert ended[2].error["message"] == "never"
    assert [run.attempt for run in ended] == [1, 1, 1]
    lines = [(line.type, line.message, line.data) for line in place.client.runs.logs(runs[0].id)]
    thought = ("thought", "it should be deployed", {"confidence": 0.9})
    assert lines == [thought, thought, ("observation", "they said False", None)]
    assert place.client.approvals.get(question.id).decided_by


def test_a_question_that_the_server_refuses_fails_the_attempt(place: Place, working: Working) -> None:
    worker = place.worker()

    @worker.job("wrong", retries=0, retry={"dead_letter": False})
    def wrong(ctx: Context, payload: Any) -> None:
        ctx.approval("not a good name", action="Anything")

    with working(worker):
        until(lambda: list(place.client.jobs.list()))
        run = place.client.runs.create(job="wrong").wait(timeout=20)

    assert (run.state, run.error["kind"]) == ("failed", "WaitRefused")
    assert "letters" in run.error["message"]
