"""The worker process of the built-in agents: `python -m runyard.agents`."""

import logging
import os
import stat
import sys

import structlog

from runyard.agents import lifeline
from runyard.agents.code_reviewer import settings, worker
from runyard.sdk import Worker

_CONCURRENCY = 2  # reviews at a time: each keeps about one core busy


def main() -> int:
    """Work until SIGTERM, then drain; end at once when standard input is a pipe and its other end is gone."""
    log(os.environ.get("RUNYARD_LOG_LEVEL", "info"), os.environ.get("RUNYARD_LOG_FORMAT", "auto"))
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # a line for every request
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        # The server that started us holds the other end. Reviews under way see us go, and end as well.
        lifeline.watch(0, lambda: os._exit(1))
    try:
        reviewer = settings.read(os.environ)
    except ValueError as error:
        print(f"runyard.agents: {error}", file=sys.stderr)
        return 2
    built_in = Worker(concurrency=_CONCURRENCY, name=f"built-in-agents-{os.getpid()}", prefetch=0)
    worker.register(built_in, reviewer)
    built_in.run()
    return 0


def log(level: str, style: str) -> None:
    """Log as the server that started us does: readable lines on a terminal or when asked for, else JSON lines."""
    readable = style == "console" or (style == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler()
    if not readable:
        handler.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=[
                    structlog.stdlib.add_log_level,
                    structlog.stdlib.add_logger_name,
                    structlog.processors.TimeStamper(fmt="iso", utc=True),
                    structlog.processors.format_exc_info,
                ],
                processors=[
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.JSONRenderer(),
                ],
            )
        )
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    logging.basicConfig(level=number, handlers=[handler])


if __name__ == "__main__":
    sys.exit(main())
