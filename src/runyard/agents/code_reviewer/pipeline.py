"""A review as named steps on one frozen value."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from runyard.agents import repository as repositories
from runyard.agents.code_reviewer.analysers import Analyser, Noting
from runyard.agents.code_reviewer.files import Selection, Skipped, SourceFile, select
from runyard.agents.code_reviewer.findings import RANK, Draft, Finding, settle
from runyard.agents.code_reviewer.model import ModelFailed, ModelSettings, Usage, look
from runyard.agents.code_reviewer.report import AnalyserUsed, Report, summarise
from runyard.agents.code_reviewer.request import Limits, ReviewRequest
from runyard.agents.repository import Repository
from runyard.agents.roots import admit

_MOST_SKIPPED = 200
_LEFT_FOR_REPORT = 5.0  # seconds kept back from the model for the steps after it

_NOTHING = Selection(files=(), skipped=())

OnProgress = Callable[[str, int, int], None]
OnUsage = Callable[[Usage], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is asked for, within what bounds, and whom to tell."""

    request: ReviewRequest
    roots: tuple[Path, ...]
    limits: Limits
    analysers: Sequence[Analyser]
    model: ModelSettings | None
    on_progress: OnProgress
    on_usage: OnUsage
    started: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A review on its way; each step fills in more of it."""

    task: Task
    repository: Repository
    base_commit: str | None
    selection: Selection = _NOTHING
    notes: tuple[str, ...] = ()
    used: tuple[AnalyserUsed, ...] = ()
    drafts: tuple[Draft, ...] = ()
    findings: tuple[Finding, ...] = ()


def perform(task: Task) -> Report:
    """All steps. Raises `BadRequest` for what can never be reviewed, `ToolFailed` when a tool breaks."""
    review = open_repository(task)
    for step in (choose_files, analyse, ask_model, settle_findings):
        review = step(review)
    return report(review)


def open_repository(task: Task) -> Review:
    root = admit(task.request.path, task.roots)
    repository = repositories.open_repository(root, seconds=task.limits.seconds)
    base = task.request.base
    return Review(
        task=task,
        repository=repository,
        base_commit=repositories.merge_base(repository, base) if base else None,
    )


def choose_files(review: Review) -> Review:
    review.task.on_progress("listing files", 0, 0)
    selection = select(review.repository, review.task.request, review.task.limits, review.base_commit)
    return replace(review, selection=selection, notes=review.notes + _notes_on(selection.skipped))


def analyse(review: Review) -> Review:
    wanted = [
        (analyser, [file for file in review.selection.files if analyser.wants(file)])
        for analyser in review.task.analysers
    ]
    total = sum(len(files) for _, files in wanted)
    done = 0
    drafts: list[Draft] = []
    used: list[AnalyserUsed] = []
    for analyser, files in wanted:
        began = time.monotonic()
        for first in range(0, len(files), analyser.batch):
            review.task.on_progress(f"{analyser.name}: {len(files)} files", done, total)
            batch = files[first : first + analyser.batch]
            drafts.extend(analyser.analyse(batch))
            done += len(batch)
        seconds = round(time.monotonic() - began, 3)
        used.append(AnalyserUsed(name=analyser.name, version=analyser.version, files=len(files), seconds=seconds))
    review.task.on_progress(f"{len(review.selection.files)} files analysed", total, total)
    notes = tuple(note for analyser, _ in wanted if isinstance(analyser, Noting) for note in analyser.notes)
    return replace(review, drafts=tuple(drafts), used=tuple(used), notes=review.notes + notes)


def ask_model(review: Review) -> Review:
    asked = review.task.request.model
    if asked is False or (review.task.model is None and asked is None):
        return review
    if review.task.model is None:
        return _noted(review, "No model looked at the code: none is configured where the reviewer runs.")
    settings = ModelSettings(
        url=review.task.model.url,
        key=review.task.model.key,
        name=asked if isinstance(asked, str) else review.task.model.name,
        seconds=review.task.model.seconds,
    )
    left = review.task.limits.seconds - (time.monotonic() - review.task.started) - _LEFT_FOR_REPORT
    if left <= 0:
        return _noted(review, "No model looked at the code: the time left was too short.")
    review.task.on_progress(f"model: {settings.name}", 0, 0)
    began = time.monotonic()
    try:
        found = look(settings, review.selection.files, review.drafts, seconds=left, on_usage=review.task.on_usage)
    except ModelFailed as error:
        return _noted(review, f"No model looked at the code: {error}.")
    seconds = round(time.monotonic() - began, 3)
    used = AnalyserUsed(
        name="model", version=settings.name, files=len({draft.file for draft in found}), seconds=seconds
    )
    return replace(review, drafts=review.drafts + tuple(found), used=(*review.used, used))


def settle_findings(review: Review) -> Review:
    files: dict[str, SourceFile] = {file.path: file for file in review.selection.files}
    found = settle(review.drafts, files)
    told = tuple(one for one in found if RANK[one.severity] <= RANK[review.task.request.min_severity])
    settled = replace(review, findings=told)
    left = len(found) - len(told)
    return _noted(settled, f"{left} findings are less grave than asked for and left out") if left else settled


def report(review: Review) -> Report:
    told = review.findings[: review.task.request.max_findings]
    omitted = summarise(review.findings[review.task.request.max_findings :])
    selection = review.selection
    return Report(
        repository=review.repository.name,
        branch=review.repository.branch,
        head=review.repository.head,
        base=review.task.request.base,
        base_commit=review.base_commit,
        files_reviewed=len(selection.files),
        lines_analyzed=sum(file.lines_under_review for file in selection.files),
        summary=summarise(told),
        omitted=omitted,
        findings=told,
        skipped=selection.skipped[:_MOST_SKIPPED],
        skipped_total=len(selection.skipped),
        notes=review.notes + _notes_on_omitted(omitted.total),
        analysers=review.used,
    )


def _noted(review: Review, note: str) -> Review:
    return replace(review, notes=(*review.notes, note))


def _notes_on(skipped: Sequence[Skipped]) -> tuple[str, ...]:
    reasons = Counter(file.reason.split(" (")[0] for file in skipped)
    return tuple(f"Not reviewed, {reason}: {count} file(s)" for reason, count in sorted(reasons.items()))


def _notes_on_omitted(count: int) -> tuple[str, ...]:
    return (f"{count} more findings did not fit; raise `max_findings` or narrow the review",) if count else ()
