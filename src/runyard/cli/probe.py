"""Ask a server whether it is there, without a key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server said to a plain GET; status 0 when nothing answered."""

    status: int
    text: str
    at: datetime | None = None


def ask(url: str, path: str, *, timeout: float = 3.0) -> Answer:
    """The answer to a GET of the path."""
    import httpx2

    try:
        reply = httpx2.get(url + path, timeout=timeout, trust_env=not is_local(url), verify=url.startswith("https:"))
    except (httpx2.TransportError, OSError) as error:
        return Answer(status=0, text=str(error) or type(error).__name__)
    return Answer(status=reply.status_code, text=reply.text, at=_date(reply.headers.get("date")))


def answers(url: str) -> bool:
    """Whether a server is alive there."""
    return ask(url, "/livez", timeout=2.0).status == 200


def is_local(url: str) -> bool:
    """Whether the URL names this machine."""
    return urlsplit(url).hostname in LOOPBACK


def _date(header: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(header) if header else None
    except ValueError:
        return None
