"""How well an agent does, as scores from 0 to 100 and a grade (docs/guide/agents.md says the same in words). Pure."""

from __future__ import annotations

from fractions import Fraction

import msgspec

WINDOW = 30
"""How many days count, today among them."""
RECENT = 7
"""After so many days without a run an agent begins to count as idle."""
DEAR = 1_000_000
"""The micro-USD a run costs on average that score nothing."""
_WEIGHTS = (50, 20, 15, 15)
_GRADES = ((90, "A"), (80, "B"), (70, "C"), (60, "D"), (0, "F"))
_FULL = Fraction(100)


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the runs of the last days."""

    succeeded: int
    failed: int
    duration_ms: int
    """Of all runs that have begun and ended, together."""
    durations: int
    timeout_ms: int
    """How long an attempt may take."""
    cost: int
    """Micro-USD of the runs that were looked at, together."""
    costs: int
    idle_days: int
    """Since the last run, or since the agent was made."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Scores from 0 to 100, rounded half up to one decimal, and the grade of the whole."""

    overall: float
    reliability: float
    efficiency: float
    cost: float
    activity: float
    grade: str


def health(facts: Facts) -> Health:
    """The scores. What nothing is known about scores in full: there is nothing to be said against it."""
    judged = facts.succeeded + facts.failed
    scores = (
        _FULL * facts.succeeded / judged if judged else _FULL,
        _spent(facts.duration_ms, facts.durations, facts.timeout_ms),
        _spent(facts.cost, facts.costs, DEAR),
        _left(Fraction(facts.idle_days - RECENT, WINDOW - RECENT)),
    )
    overall = sum((score * weight for score, weight in zip(scores, _WEIGHTS, strict=True)), Fraction()) / sum(_WEIGHTS)
    shown = _shown(overall)
    return Health(
        overall=shown,
        reliability=_shown(scores[0]),
        efficiency=_shown(scores[1]),
        cost=_shown(scores[2]),
        activity=_shown(scores[3]),
        grade=next(grade for least, grade in _GRADES if shown >= least),
    )


def _spent(sum_: int, count: int, most: int) -> Fraction:
    """What an average leaves of the most there may be."""
    return _left(Fraction(sum_, count * most)) if count and most else _FULL


def _left(part: Fraction) -> Fraction:
    return _FULL * (1 - min(max(part, Fraction(0)), Fraction(1)))


def _shown(score: Fraction) -> float:
    return int(score * 10 + Fraction(1, 2)) / 10
