"""Clients that make, take and complete runs without pause, and write down what the server confirmed."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from typing import Any, Self

import httpx2

from tests.support.wire import Wire

JsonObject = dict[str, Any]
RETRY = {"max_attempts": 100, "backoff": "fixed", "initial_seconds": 0, "min_seconds": 0, "jitter": 0}
PATIENCE = 60.0


class Load:
    """Some makers and some executors, each in a thread, over raw HTTP; use it as a context."""

    def __init__(self, urls: list[str], key: str, *, makers: int = 2, executors: int = 3, queue: str = "load") -> None:
        self.urls = urls
        self.key = key
        self.queue = queue
        self.created: dict[str, int] = {}
        """Payloads of the runs whose making was confirmed, by id."""
        self.completed: dict[str, JsonObject] = {}
        """Outputs of the runs whose completion was confirmed, by id."""
        self.claimed: list[tuple[str, str]] = []
        """Every run and token that was handed out."""
        self.answers: Counter[int | str] = Counter()
        """How often there was an answer of each status, or none (`gone`)."""
        self.wrong: list[Any] = []
        """Answers that should not be."""
        self._numbers = itertools.count()
        self._enough = threading.Event()
        self._no_more = threading.Event()
        self._makers = makers
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._guarded, args=(work, urls[number % len(urls)]))
            for number, work in enumerate([self._make] * makers + [self._work] * executors)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._no_more.set()
        self._enough.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        assert not any(thread.is_alive() for thread in self._threads)

    def settle(self, seconds: float = PATIENCE) -> None:
        """Make no more, and return when everything that was made is done."""
        self._no_more.set()
        for maker in self._threads[: self._makers]:
            maker.join(seconds)
        end = time.monotonic() + seconds
        while set(self.created) - set(self.completed):
            assert time.monotonic() < end, f"{len(set(self.created) - set(self.completed))} runs are still not done"
            if not any(thread.is_alive() for thread in self._threads):
                raise AssertionError(self.wrong)
            time.sleep(0.02)

    def wait_for(self, created: int, completed: int = 0) -> None:
        """Return when so much more was confirmed."""
        wanted = len(self.created) + created, len(self.completed) + completed
        end = time.monotonic() + PATIENCE
        while len(self.created) < wanted[0] or len(self.completed) < wanted[1]:
            assert time.monotonic() < end, f"no work is being done: {self.answers}, {self.wrong[:3]}"
            time.sleep(0.002)

    def _guarded(self, work: Any, url: str) -> None:
        try:
            with httpx2.Client(
                base_url=f"{url}/runyard/v1",
                timeout=10,
                headers={"authorization": f"Bearer {self.key}"},
                transport=Wire(),
            ) as http:
                work(http)
        except BaseException as error:
            self.wrong.append(repr(error))
            raise

    def _ask(self, http: httpx2.Client, path: str, body: JsonObject) -> JsonObject | None:
        """The answer, or None when there was none or the server could not."""
        try:
            response = http.post(path, json=body)
        except httpx2.TransportError:
            self._count("gone")
            self._enough.wait(0.02)
            return None
        self._count(response.status_code)
        if response.status_code == 503:
            if "retry-after" not in response.headers or response.json()["code"] not in {"unavailable", "overloaded"}:
                self.wrong.append((response.headers, response.text))
            self._enough.wait(0.05)
            return None
        if response.status_code not in {200, 201}:
            self.wrong.append((response.status_code, response.text))
            return None
        answer: JsonObject = response.json()
        return answer

    def _count(self, what: int | str) -> None:
        with self._lock:
            self.answers[what] += 1

    def _make(self, http: httpx2.Client) -> None:
        while not self._no_more.is_set():
            numbers = [next(self._numbers) for _ in range(3)]
            runs = [
                {"payload": number, "queue": self.queue, "idempotency_key": f"n-{number}", "retry": RETRY}
                for number in numbers
            ]
            answer = None
            while answer is None and not self._enough.is_set():
                answer = self._ask(http, "/runs", {"runs": runs})
            for number, run in zip(numbers, (answer or {"runs": []})["runs"], strict=answer is not None):
                if run["payload"] != number or self.created.setdefault(run["id"], number) != number:
                    self.wrong.append(("another run", number, run))
            self._enough.wait(0.01)

    def _work(self, http: httpx2.Client) -> None:
        while not self._enough.is_set():
            asked = {"limit": 4, "queues": [self.queue], "lease_seconds": 1, "wait_seconds": 0.2}
            answer = self._ask(http, "/runs/claim", asked)
            claims = [] if answer is None else answer["claims"]
            if not claims:
                continue
            self.claimed += [(claim["run"]["id"], claim["lease"]["token"]) for claim in claims]
            reports = [
                {
                    "run_id": claim["run"]["id"],
                    "token": claim["lease"]["token"],
                    "output": {"of": claim["run"]["payload"], "by": claim["lease"]["token"]},
                }
                for claim in claims
            ]
            self._complete(http, reports)

    def _complete(self, http: httpx2.Client, reports: list[JsonObject]) -> None:
        answer = None
        while answer is None and not self._enough.is_set():
            answer = self._ask(http, "/runs/complete", {"reports": reports})
        for report, result in zip(reports, (answer or {"results": []})["results"], strict=answer is not None):
            if result["ok"]:
                before = self.completed.setdefault(report["run_id"], report["output"])
                if before != report["output"]:
                    self.wrong.append(("completed twice", before, report))
            elif result["error"]["code"] != "lease_lost":
                self.wrong.append(result)


def check(load: Load, runs: dict[str, JsonObject]) -> None:
    """Hold what the server confirmed against the runs it has."""
    assert not load.wrong, load.wrong[:5]
    lost = [run for run in load.created if run not in runs]
    assert not lost, f"{len(lost)} of {len(load.created)} runs were confirmed and are gone"
    for run, number in load.created.items():
        assert runs[run]["payload"] == number
    for run, output in load.completed.items():
        assert (runs[run]["state"], runs[run]["output"]) == ("completed", output), runs[run]
    tokens = [token for _, token in load.claimed]
    assert len(tokens) == len(set(tokens)), "a token was given twice"


def listed(url: str, key: str, **filters: str) -> dict[str, JsonObject]:
    """All runs of the server's first project, by id."""
    found: dict[str, JsonObject] = {}
    cursor: str | None = None
    with httpx2.Client(base_url=f"{url}/runyard/v1", headers={"authorization": f"Bearer {key}"}, timeout=30) as http:
        while True:
            params = {"limit": "200", **filters, **({"cursor": cursor} if cursor else {})}
            response = http.get("/runs", params=params)
            assert response.status_code == 200, response.text
            page = response.json()
            found |= {run["id"]: run for run in page["data"]}
            cursor = page["next_cursor"]
            if cursor is None:
                return found
