"""A worker process of a peer: `python -m bench.peers.worker NAME DSN`."""

from __future__ import annotations

import importlib
import sys


def main(name: str, dsn: str) -> None:
    """Work until told to stop."""
    importlib.import_module(f"bench.peers.{name}").work(dsn)


if __name__ == "__main__":
    main(*sys.argv[1:])
