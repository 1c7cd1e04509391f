"""Chat threads that hear of runs: which one, what is said there, and in which words. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from runyard.domain.states import RunState

SLACK = "slack"
SENT = "slack_sent_relay_ids"
"""Where a run's shared state names the messages that were sent last."""
THREAD_URL = "slack_thread_url"
"""Where it may name the thread, as a link to its first message."""
REMEMBERED = 30
LONGEST = 3900
"""Characters of one message."""
ATTEMPTS = 3
DONE, BROKEN = "white_check_mark", "x"
_CHANNEL = re.compile(r"[A-Z0-9]{2,32}").fullmatch
_MESSAGE = re.compile(r"p(\d{10})(\d{6})").fullmatch
_TIMESTAMP = re.compile(r"\d{1,16}(\.\d{1,9})?").fullmatch
_PERSON = re.compile(r"[UW][A-Z0-9]{2,31}").fullmatch


class Thread(msgspec.Struct, frozen=True, gc=False):
    """The thread that hears of a run. Built from rows by position."""

    run_id: str
    project_id: int
    service: str
    channel: str
    thread: str
    """What the service calls the message that the thread hangs from."""
    mention: str | None
    """Who is named with every message."""
    progress: str | None
    """The message that says how far the run is, while there is one."""
    reacted: str | None
    """The reaction that was put on the thread last."""
    posted: str
    """What was said of the run last, so that it is not said twice."""
    created_at: int
    updated_at: int


class Relay(msgspec.Struct, frozen=True, gc=False):
    """Something to be said in a run's thread. Built from rows by position."""

    id: str
    project_id: int
    run_id: str
    kind: Literal["message", "update"]
    """A message of the agent, or how the run stands when it is sent."""
    body: str
    state: Literal["queued", "sent", "dropped", "failed"]
    attempts: int
    error: str | None
    created_at: int
    due_at: int | None
    done_at: int | None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a run stands, for those who read of it in a thread."""

    title: str
    state: RunState
    stage: str | None
    error: str | None
    pr_url: str | None


def thread_of(url: str) -> tuple[str, str] | None:
    """(channel, thread) of a link to a message, None where it is none."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return None
    words = parts.path.strip("/").split("/")
    if parts.scheme != "https" or not (host == "slack.com" or host.endswith(".slack.com")) or len(words) != 3:
        return None
    message = _MESSAGE(words[2])
    if words[0] != "archives" or _CHANNEL(words[1]) is None or message is None:
        return None
    return words[1], f"{message[1]}.{message[2]}"


def problem_with(channel: str, thread: str, mention: str | None) -> str | None:
    """What is wrong with the names of a thread, if anything."""
    if _CHANNEL(channel) is None:
        return "a channel is named by its id, such as C0123456789"
    if _TIMESTAMP(thread) is None:
        return "a thread is named by the timestamp of its first message, such as 1712345678.000100"
    if mention is not None and _PERSON(mention) is None:
        return "who is mentioned is named by an id, such as U0123456789"
    return None


def remembered(before: object, relay_id: str) -> list[str]:
    """The messages that were sent, with this one; the last 30."""
    known = [one for one in before if isinstance(one, str)] if isinstance(before, list) else []
    return [*(one for one in known if one != relay_id), relay_id][-REMEMBERED:]


def chosen(text: str, parts: Sequence[str] | None) -> str:
    """What of an agent's answer is said: the last part that is not blank, else the whole text."""
    return next((part.strip() for part in reversed(parts or ()) if part.strip()), text.strip() if not parts else "")


def progress_text(standing: Standing) -> str:
    """How far the run is."""
    match standing.state:
        case RunState.DRAFT:
            said = "Not started"
        case RunState.SCHEDULED | RunState.QUEUED | RunState.CLAIMED:
            said = "Waiting to start"
        case RunState.STARTING:
            said = "Starting"
        case RunState.CANCELED:
            said = "Canceled"
        case RunState.NEEDS_ATTENTION | RunState.DEAD_LETTER | RunState.PAUSED:
            said = "Needs a person"
        case _:
            said = f"Working: {standing.stage}" if standing.stage else "Working"
    return _with_link(f"*{escaped(standing.title)}*: {escaped(said)}", standing.pr_url)


def end_text(standing: Standing) -> str:
    """How the run ended."""
    if standing.state is RunState.COMPLETED:
        return _with_link(f"*{escaped(standing.title)}* is done.", standing.pr_url)
    why = f" {escaped(standing.error)}" if standing.error else ""
    return capped(_with_link(f"*{escaped(standing.title)}* failed.{why}", standing.pr_url))


def _with_link(text: str, url: str | None) -> str:
    return f"{text}\n<{_address(url)}|Pull request>" if url else text


def capped(text: str) -> str:
    """The text, cut where it is longer than one message may be."""
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def escaped(text: str) -> str:
    """The text with the three characters that mean something in a message made harmless."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _address(url: str) -> str:
    return escaped(url).replace("|", "%7C").replace("\n", "")


# -- Markdown as messages have it (https://api.slack.com/reference/surfaces/formatting) --------------------------------

_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`", re.DOTALL)
_LANGUAGE = re.compile(r"\A```[\w+#.-]*\n")
_LINK = re.compile(r"!?\[([^\]\n]*)\]\((https?://[^\s()]+(?:\([^\s()]*\)[^\s()]*)*)(?:\s+\"[^\"\n]*\")?\)")
_AUTOLINK = re.compile(r"&lt;(https?://[^\s|]+?)&gt;")
_BOLD = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1(?![*_])")
_ITALIC = re.compile(r"(?<![\w*])\*(?=[^\s*])([^*\n]+?)(?<=[^\s*])\*(?![\w*])")
_STRUCK = re.compile(r"~~(?=\S)(.+?)(?<=\S)~~")
_HEADING = re.compile(r"^#{1,6}[ \t]+(.+?)[ \t]*#*$", re.MULTILINE)
_BULLET = re.compile(r"^([ \t]*)[-*+][ \t]+", re.MULTILINE)
_KEPT = re.compile("\x00(\\d+)\x00")
_STAR = "\x01"
"""Stands for the asterisk of a message, which is bold there, while asterisks of Markdown are looked for."""


def mrkdwn(text: str) -> str:
    """Markdown in the words of a message: bold, italic, struck, links, headings, lists; code as it is."""
    kept: list[str] = []

    def keep(piece: str) -> str:
        kept.append(piece)
        return f"\x00{len(kept) - 1}\x00"

    text = text.replace("\x00", "").replace(_STAR, "")
    text = _CODE.sub(lambda found: keep(_LANGUAGE.sub("```\n", escaped(found[0]))), text)
    text = _LINK.sub(lambda found: keep(_link(found[1], found[2])), text)
    text = escaped(text)
    text = _AUTOLINK.sub(lambda found: keep(f"<{found[1]}>"), text)
    text = _HEADING.sub(lambda found: _STAR + _BOLD.sub(r"\2", found[1]) + _STAR, text)
    text = _BULLET.sub("\\1• ", text)
    text = _BOLD.sub(lambda found: f"{_STAR}{found[2]}{_STAR}", text)
    text = _ITALIC.sub(r"_\1_", text)
    text = _STRUCK.sub(r"~\1~", text).replace(_STAR, "*")
    while _KEPT.search(text):
        text = _KEPT.sub(lambda found: kept[int(found[1])], text)
    return text


def _link(text: str, url: str) -> str:
    shown = escaped(text).replace("|", "/").strip()
    return f"<{_address(url)}|{shown}>" if shown else f"<{_address(url)}>"
