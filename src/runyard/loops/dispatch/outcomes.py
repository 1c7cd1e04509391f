"""What an exchange with an endpoint means for its run: success, or an error of one of ten classes; and its trace."""

from __future__ import annotations

import msgspec

from runyard.outbound.messages import Answer, NoAnswer, Timing

FALLS_BACK = frozenset({"transient", "rate_limited", "connection", "timeout"})
"""Classes after which a fallback endpoint is tried."""
BLAMES = frozenset({"server", "rate_limited", "timeout", "connection", "transient"})
"""Classes that speak against the endpoint; the others are about the request."""
_OF_STATUS = {429: "rate_limited", 401: "auth", 403: "auth"}
_OF_TROUBLE = {"refused": "client", "connection": "connection", "timeout": "timeout", "transient": "transient"}
_SIGNALS = {
    "oom": (b"out of memory", b"outofmemory", b"oomkilled", b"memoryerror"),
    "budget": (b"budget exceeded", b"budget_exceeded", b"token_budget"),
}
EXCERPT = 200
_json = msgspec.json.Encoder()


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an attempt."""

    kind: str | None
    """The class of the error; None when all went well."""
    message: str = ""
    output: str = "null"
    timing: Timing


def of_answer(answer: Answer) -> Verdict:
    """What the answer means."""
    if 200 <= answer.status < 300:
        return Verdict(kind=None, output=output(answer), timing=answer.timing)
    said = " ".join(answer.body[:EXCERPT].decode("utf-8", "replace").split())
    message = f"the endpoint answered with status {answer.status}" + (f": {said}" if said else "")
    return Verdict(kind=_kind(answer), message=message, timing=answer.timing)


def of_trouble(trouble: NoAnswer, seconds: float) -> Verdict:
    """What it means that there was no answer after so many seconds."""
    connecting = trouble.trouble in {"connection", "refused"}
    timing = Timing(connect=seconds if connecting else 0, first=0 if connecting else seconds, transfer=0)
    message = "execution timed out" if trouble.trouble == "timeout" else trouble.detail
    return Verdict(kind=_OF_TROUBLE[trouble.trouble], message=message, timing=timing)


def output(answer: Answer) -> str:
    """The body as JSON text: as it came when it is JSON, else as a string; `null` for none."""
    if not answer.body.strip():
        return "null"
    if not answer.is_cut:
        try:
            msgspec.json.decode(answer.body)
            return answer.body.decode()
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
    return _json.encode(answer.body.decode("utf-8", "replace")).decode()


def _kind(answer: Answer) -> str:
    said = answer.body[:2048].lower()
    for kind, signals in _SIGNALS.items():
        if answer.status >= 500 and any(signal in said for signal in signals):
            return kind
    if answer.status in _OF_STATUS:
        return _OF_STATUS[answer.status]
    if 400 <= answer.status < 500:
        return "client"
    return "server" if answer.status >= 500 else "unknown"


def trace(*, created_at: int, claimed_at: int, handled_at: int, timing: Timing, total: float) -> str:
    """Where the time went, in milliseconds, as JSON; times are microseconds, `total` and the timing seconds.

    `dispatch_ms` is the sum of its three parts as they are shown.
    """
    connect, first, transfer = _ms(timing.connect), _ms(timing.first), _ms(timing.transfer)
    dispatch = connect + first + transfer
    figures = {
        "queue_wait_ms": _ms((handled_at - created_at) / 1e6),
        "dequeue_ms": _ms((handled_at - claimed_at) / 1e6),
        "connect_ms": connect,
        "ttfb_ms": first,
        "transfer_ms": transfer,
        "dispatch_ms": dispatch,
        "total_ms": max(_ms(total), dispatch),
    }
    return _json.encode(figures).decode()


def _ms(seconds: float) -> int:
    """Whole milliseconds; less than one counts as one, nothing as nothing."""
    return max(1, round(seconds * 1000)) if seconds > 0 else 0
