"""What agents in sandboxes ask leave for: each question is an approval, and a decision is an answer to the agent.

The run goes on meanwhile, and keeps its lease: only the agent waits. Whatever ends the sandbox ends the questions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, TypeGuard

import msgspec

from runyard.domain.approvals import Approval, ApprovalState, Risk, Verdict
from runyard.domain.canonical import decoded
from runyard.domain.records import Run
from runyard.domain.states import LEASED
from runyard.engine import approvals, news
from runyard.engine.ledger import journal
from runyard.storage.port import LogLine, Tx
from runyard.storage.statements import approvals as approvals_sql
from runyard.storage.statements import permissions as sql
from runyard.storage.statements.permissions import Permission

LONGEST = 500
NAME = 1000
"""Characters by which an agent may call a question or an answer."""
OPTIONS = 50
_NAME = re.compile(r"[A-Za-z0-9._:-]{1,100}").fullmatch
_RISKS = {"read": Risk.LOW, "search": Risk.LOW, "think": Risk.LOW, "delete": Risk.HIGH, "execute": Risk.HIGH}
_json = msgspec.json.Encoder()


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent is to be told: which of its options was chosen, None where none of them says so."""

    approval_id: str
    request: str
    option: str | None
    comment: str | None


def ask(tx: Tx, run: Run, said: Mapping[str, Any]) -> None:
    """Take note of what the agent of the run asks leave for. The run is locked."""
    request = said.get("requestId")
    if not _names(request) or run.state not in LEASED:
        return
    name = _name(request)
    known = approvals_sql.named(tx, [run.id], [name]).get((run.id, name))
    if known is not None and known.state is not ApprovalState.CANCELED:
        return
    if approvals_sql.count(tx, [run.id]).get(run.id, 0) >= approvals.MOST:
        # The agent waits all the same, for whoever answers it by another way.
        full = f"the agent asks leave again, and a run has {approvals.MOST} approvals at most: answer it directly"
        tx.emit(LogLine(run.project_id, run.id, run.attempt, tx.now, "warn", full, None))
        return
    options = _options(said.get("options"))
    found = _approval(tx, run, name, said.get("toolCall"), options)
    approvals_sql.add(tx, [found])
    text = _json.encode(options).decode()
    sql.add(
        tx, [Permission(approval_id=found.id, project_id=run.project_id, run_id=run.id, request=request, options=text)]
    )
    told = {"approval_id": found.id, "name": found.name, "action": found.action, "risk": found.risk.value}
    journal(tx, run, "approval.requested", None, told)
    news.of_approvals(tx, [(run, found)])


def _approval(tx: Tx, run: Run, name: str, call: Any, options: Sequence[Mapping[str, str]]) -> Approval:
    call = call if isinstance(call, dict) else {}
    places = call.get("locations")
    changed = [
        _plain(place["path"], 2000)
        for place in (places if isinstance(places, list) else [])[: approvals.CHANGES]
        if isinstance(place, dict) and isinstance(place.get("path"), str)
    ]
    choices = ", ".join(option["name"] for option in options)
    return Approval(
        id=tx.new_id(),
        project_id=run.project_id,
        run_id=run.id,
        name=name,
        state=ApprovalState.PENDING,
        action=_plain(call.get("title"), LONGEST) or "use a tool",
        description=f"The agent asks leave, and offers: {choices}."[:10_000] if choices else "The agent asks leave.",
        risk=_RISKS.get(str(call.get("kind")), Risk.MEDIUM),
        changes=_json.encode(changed).decode(),
        on_reject="continue",
        comment=None,
        decided_by=None,
        requested_at=tx.now,
        decided_at=None,
        expires_at=None,
    )


def settle(tx: Tx, run: Run, said: Mapping[str, Any]) -> None:
    """Somebody answered the agent by another way; the approval says so. The run is locked."""
    request, chosen = said.get("requestId"), said.get("optionId")
    if not _names(request):
        return
    for approval_id, options in sql.find(tx, run.id, request):
        sql.answered(tx, [approval_id])
        found = approvals_sql.get(tx, approval_id)
        if found is None or found.state is not ApprovalState.PENDING:
            continue
        kinds = {option["id"]: option["kind"] for option in decoded(options)}
        approved = isinstance(chosen, str) and kinds.get(chosen, "").startswith("allow")
        comment = f"answered in the sandbox: {_plain(chosen, 100)}" if isinstance(chosen, str) else "given up"
        approvals.note(tx, run, found, Verdict(approved=approved, comment=comment))


def decided(tx: Tx, run_id: str) -> list[Answer]:
    """What is to be told to the agent of the run, oldest first."""
    return [
        Answer(
            approval_id=one.approval_id,
            request=one.request,
            option=chosen(decoded(one.options), approved=one.state is ApprovalState.APPROVED, comment=one.comment),
            comment=one.comment,
        )
        for one in sql.decided(tx, [run_id])
    ]


def chosen(options: Sequence[Mapping[str, str]], *, approved: bool, comment: str | None) -> str | None:
    """The option that the comment names, else the one that says yes or no and binds least."""
    named = (comment or "").strip().casefold()
    way = "allow" if approved else "reject"
    fitting = [option for option in options if option["kind"].startswith(way)]
    for option in fitting:
        if named in (option["id"].casefold(), option["name"].casefold()):
            return option["id"]
    fitting.sort(key=lambda option: not option["kind"].endswith("once"))
    return fitting[0]["id"] if fitting else None


def answered(tx: Tx, approval_ids: Sequence[str]) -> None:
    """The agent knows; or it never will, and nobody is to try again."""
    sql.answered(tx, approval_ids)


def close(tx: Tx, run_ids: Sequence[str]) -> None:
    """Nobody waits any more for what these runs asked."""
    if run_ids:
        approvals_sql.cancel(tx, run_ids)


def _names(said: Any) -> TypeGuard[str]:
    return isinstance(said, str) and 0 < len(said) <= NAME and "\0" not in said


def _name(request: str) -> str:
    if _NAME(request):
        return f"permission:{request}"
    return f"permission:{blake2b(request.encode(errors='surrogatepass'), digest_size=16).hexdigest()}"


def _options(said: Any) -> list[dict[str, str]]:
    found = []
    for option in (said if isinstance(said, list) else [])[:OPTIONS]:
        if isinstance(option, dict) and _names(option.get("optionId")):
            name = _plain(option.get("name"), 200)
            kind = _plain(option.get("kind"), 40)
            found.append({"id": option["optionId"], "name": name or option["optionId"], "kind": kind})
    return found


def _plain(said: Any, longest: int) -> str:
    return said.replace("\0", "\ufffd").strip()[:longest] if isinstance(said, str) else ""
