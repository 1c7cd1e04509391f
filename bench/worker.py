"""A worker process of the drain: `python -m bench.worker URL KEY` says it is ready, and begins when told to."""

from __future__ import annotations

import sys
from typing import Any

from runyard.sdk import Context, Worker


def main(url: str, key: str) -> None:
    """Work until told to stop."""
    worker = Worker(url, key)

    @worker.fallback
    def noop(context: Context, payload: Any) -> dict[str, bool]:
        return {"ok": True}

    print("ready", flush=True)
    sys.stdin.readline()
    worker.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
