"""What sandboxes tell the engine: leave that is asked for, tokens that were used, and their end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runyard.domain.approvals import Approval, ApprovalState, Verdict
from runyard.domain.errors import Conflict, LeaseLost
from runyard.domain.policy import Failure
from runyard.domain.states import RunState
from runyard.domain.traces import Usage
from runyard.engine import approvals, explain, usage
from runyard.engine.claims import Granted
from runyard.engine.coding import changes, ingesting, making, permissions, sandboxes
from runyard.engine.coding.changes import Change
from runyard.engine.coding.runs import NewCodingRun
from runyard.engine.coding.sandboxes import End, Opened
from runyard.engine.coding.usage import Counts, tokens_of
from runyard.web import envelopes
from tests.engine.coding.coding_yard import CodingYard
from tests.support.yard import PERSON

OPTIONS = [
    {"optionId": "always", "name": "Always", "kind": "allow_always"},
    {"optionId": "yes", "name": "Yes", "kind": "allow_once"},
    {"optionId": "no", "name": "No", "kind": "reject_once"},
]


class Berth:
    """A run in a sandbox."""

    def __init__(self, coding: CodingYard, **state: Any) -> None:
        self.coding = coding
        self.store = coding.store
        self.task = coding.task()
        new = NewCodingRun(queued=True, state=state)
        self.seen = self.store.transact(making.create_in, coding.project_id, self.task, new, PERSON)
        (self.granted,) = coding.take(1)

    @property
    def id(self) -> str:
        return self.seen.run.id

    def tell(self, *events: dict[str, Any]) -> None:
        """Relay what the sandbox tells."""
        pushed = [envelopes.event(json.dumps(event).encode()) for event in events]
        self.store.transact(ingesting.push, self.id, pushed, epoch=self.granted.run.epoch)

    def ask(self, request: str = "r1", **call: Any) -> None:
        """The agent asks leave."""
        said = {"title": "Edit a.py", "kind": "edit", "locations": [{"path": "/work/a.py"}]} | call
        self.tell({"type": "permission_request", "requestId": request, "options": OPTIONS, "toolCall": said})

    def asked(self) -> list[Approval]:
        """What it asked for."""
        return self.store.look(approvals.of_run, self.coding.project_id, self.id).rows

    def decide(self, *, approved: bool, comment: str | None = None) -> None:
        """Decide what it asked last."""
        verdict = Verdict(approved=approved, comment=comment, actor="somebody")
        self.store.transact(approvals.decide, self.coding.project_id, self.asked()[-1].id, verdict)

    def answers(self) -> list[tuple[str, str | None]]:
        """What the agent is to be told."""
        return [(one.request, one.option) for one in self.store.look(permissions.decided, self.id)]

    def lines(self) -> list[Usage]:
        """What stands in the ledger."""
        return self.store.look(usage.of_run, self.coding.project_id, self.id).rows

    def used(self, *tokens: int) -> dict[str, Any]:
        """The event that tells of a turn's tokens."""
        used = dict(zip(("inputTokens", "outputTokens", "cachedReadTokens"), tokens, strict=False))
        return {"type": "notification", "notification": {"method": "_posthog/usage_update", "params": {"used": used}}}

    def sums(self, **tokens: int) -> None:
        """The agent says what it used altogether."""
        wanted = Change(shared={"token_usage": tokens})
        self.store.transact(changes.change, self.coding.project_id, self.task, self.id, wanted, PERSON)

    def end(self, **said: Any) -> None:
        """The sandbox is gone."""
        self.store.transact(sandboxes.ended, End(**{**proof(self.granted), "sandbox": "s1", **said}))


def proof(granted: Granted) -> dict[str, Any]:
    return {"project_id": granted.run.project_id, "run_id": granted.run.id, "token": granted.lease.token}


def test_leave_that_is_asked_for_is_an_approval_and_the_run_goes_on(coding: CodingYard) -> None:
    berth = Berth(coding)
    berth.ask()
    berth.ask()
    (asked,) = berth.asked()
    assert (asked.state, asked.action, asked.changes) == (ApprovalState.PENDING, "Edit a.py", '["/work/a.py"]')
    assert "Always, Yes, No" in asked.description
    assert berth.answers() == []
    berth.decide(approved=True)
    assert berth.coding.see(berth.seen).run.state is RunState.CLAIMED
    assert berth.answers() == [("r1", "yes")]
    berth.store.transact(permissions.answered, [asked.id])
    assert berth.answers() == []


def test_a_decision_says_which_option_it_means(coding: CodingYard) -> None:
    berth = Berth(coding)
    for number, (approved, comment, option) in enumerate(
        [(True, "always", "always"), (False, "always", "no"), (False, None, "no"), (True, "why not", "yes")]
    ):
        berth.ask(f"r{number}")
        berth.decide(approved=approved, comment=comment)
        assert berth.answers()[-1] == (f"r{number}", option)


def test_an_answer_given_in_the_sandbox_closes_the_approval(coding: CodingYard) -> None:
    berth = Berth(coding)
    for request, option in (("r1", "always"), ("r2", "no"), ("r3", None)):
        berth.ask(request)
        params = {"requestId": request, "optionId": option}
        berth.tell({"notification": {"method": "__posthog/permission_resolved", "params": params}})
    states = [(one.state, one.comment) for one in berth.asked()]
    assert states == [
        (ApprovalState.APPROVED, "answered in the sandbox: always"),
        (ApprovalState.REJECTED, "answered in the sandbox: no"),
        (ApprovalState.REJECTED, "given up"),
    ]
    assert berth.answers() == []
    with pytest.raises(Conflict):
        berth.decide(approved=True)


def test_questions_end_with_the_sandbox_and_may_be_asked_again_in_the_next(coding: CodingYard) -> None:
    berth = Berth(coding)
    berth.ask()
    berth.end(released="the server stops")
    assert [one.state for one in berth.asked()] == [ApprovalState.CANCELED]
    assert berth.coding.see(berth.seen).run.state is RunState.QUEUED
    (granted,) = coding.take(1)
    with pytest.raises(LeaseLost):
        berth.ask()
    berth.granted = granted
    berth.ask()
    berth.decide(approved=False)
    assert berth.answers() == [("r1", "no")]


@pytest.mark.parametrize(
    "event",
    [
        {"type": "permission_request"},
        {"type": "permission_request", "requestId": 7},
        {"type": "permission_request", "requestId": "a\0b"},
        {"type": "permission_request", "requestId": "x" * 1001},
        {"notification": {"method": "_posthog/permission_resolved", "params": {"requestId": "nobody's"}}},
        {"notification": {"method": "_posthog/permission_resolved", "params": []}},
        {"notification": {"method": "_posthog/usage_update", "params": {"used": {"inputTokens": "many"}}}},
        {"notification": ["permission_request"]},
    ],
)
def test_what_says_nothing_clear_is_handed_on_and_no_more(coding: CodingYard, event: dict[str, Any]) -> None:
    berth = Berth(coding)
    berth.tell(event)
    assert berth.asked() == []
    assert berth.lines() == []


def test_a_question_of_any_form_is_held(coding: CodingYard) -> None:
    berth = Berth(coding)
    berth.tell({"type": "permission_request", "requestId": "what, really? " * 40, "options": {}, "toolCall": "none"})
    (asked,) = berth.asked()
    assert (asked.action, asked.changes) == ("use a tool", "[]")
    berth.decide(approved=True)
    assert [option for _, option in berth.answers()] == [None]


def test_tokens_told_in_events_and_in_sums_count_once(coding: CodingYard) -> None:
    berth = Berth(coding, model="claude-sonnet-4-5", provider="anthropic")
    berth.tell(berth.used(1000, 100))
    assert [(line.input_tokens, line.output_tokens, line.source) for line in berth.lines()] == [(1000, 100, "priced")]
    assert berth.lines()[0].cost_micro_usd == 1000 * 3 + 100 * 15
    berth.sums(input_tokens=1000, output_tokens=100, turns=1)
    assert len(berth.lines()) == 1
    # The next turn's sums come before its event.
    berth.sums(input_tokens=1500, output_tokens=120, turns=2)
    berth.sums(input_tokens=1500, output_tokens=120, turns=2)
    berth.tell(berth.used(500, 20))
    assert [(line.input_tokens, line.output_tokens) for line in berth.lines()] == [(1000, 100), (500, 20)]
    run = coding.see(berth.seen).run
    assert (run.input_tokens, run.output_tokens) == (1500, 120)


def test_tokens_of_an_unknown_model_count_and_cost_nothing(coding: CodingYard) -> None:
    berth = Berth(coding)
    berth.sums(input_tokens=5, output_tokens=7)
    (line,) = berth.lines()
    assert (line.model, line.source, line.cost_micro_usd, line.total) == ("unknown", "unknown", 0, 12)


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        (Counts(input=10, output=5, cache_read=100, total=115), (110, 5)),
        (Counts(input=110, output=5, cache_read=100, total=115), (110, 5)),
        (Counts(input=10, output=5, thought=3, total=18), (10, 8)),
        (Counts(input=10, output=8, thought=3, total=18), (10, 8)),
        (Counts(input=10, output=5), (10, 5)),
    ],
)
def test_totals_tell_whether_cached_tokens_and_thoughts_stand_apart(used: Counts, expected: tuple[int, int]) -> None:
    tokens = tokens_of(used)
    assert (tokens.input, tokens.output) == expected


def test_where_a_sandbox_is_stands_with_its_run_until_it_is_gone(coding: CodingYard) -> None:
    berth = Berth(coding)
    opened: dict[str, Any] = {"task_id": berth.task, "id": "s1", "url": "http://127.0.0.1:5000", "kid": "k"}
    berth.store.transact(sandboxes.opened, Opened(**proof(berth.granted), **opened))
    (one,) = berth.store.look(sandboxes.listed, coding.project_id).rows
    assert (one.run_id, one.host, one.sandbox_id) == (berth.id, "127.0.0.1:5000", "s1")
    berth.end(failure=Failure(message="it is gone"), said=("first", "last"))
    after = coding.see(berth.seen)
    assert (after.run.state, json.loads(after.row.state)) == (RunState.FAILED, {"sandbox_id": "s1"})
    assert berth.store.look(sandboxes.listed, coding.project_id).rows == []
    with pytest.raises(LeaseLost):
        berth.store.transact(sandboxes.opened, Opened(**proof(berth.granted), **opened))


def test_the_end_of_a_sandbox_that_lived_too_long_is_a_timeout(coding: CodingYard) -> None:
    berth = Berth(coding)
    berth.end(failure=Failure(message="too long", kind="timeout", retryable=False), timed_out=True)
    assert coding.see(berth.seen).run.state is RunState.TIMED_OUT


def test_the_list_of_sandboxes_is_paged(coding: CodingYard) -> None:
    berths = [Berth(coding) for _ in range(3)]
    first = berths[0].store.look(sandboxes.listed, coding.project_id, limit=2)
    second = berths[0].store.look(sandboxes.listed, coding.project_id, limit=2, after=first.more or "")
    assert [one.run_id for one in [*first.rows, *second.rows]] == sorted(berth.id for berth in berths)
    assert second.more is None


def test_a_run_without_a_sandbox_says_what_it_waits_for(coding: CodingYard) -> None:
    for sandboxed, code in ((True, "no_sandbox"), (False, "outside")):
        seen = coding.run(coding.task(), sandboxed=sandboxed)
        found = coding.store.look(explain.explain, coding.project_id, seen.run.id)
        assert code in [reason.code for reason in found.reasons]
