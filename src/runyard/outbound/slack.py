"""Messages in Slack threads by slack-sdk (https://tools.slack.dev/python-slack-sdk/), in threads of its own."""

from __future__ import annotations

import asyncio
import functools
import importlib.util
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from runyard.domain.errors import DomainError

TIMEOUT = 20
AT_ONCE = 4
FINE = frozenset({"already_reacted", "message_not_found", "no_reaction", "cant_delete_message", "edit_window_closed"})
"""What Slack refuses where nothing is lost: it is so already, or the message is gone."""


class Unheard(DomainError):
    """Slack did not take it; `wait` says how many seconds it asked to be left alone."""

    def __init__(self, detail: str, *, wait: int | None = None) -> None:
        super().__init__(detail)
        self.wait = wait


def missing() -> str | None:
    """Why this server cannot speak to Slack, if so."""
    if importlib.util.find_spec("slack_sdk") is None:
        return "slack-sdk is not installed on this server; install `runyard[slack]`"
    return None


class Slack:
    """One workspace, by one token; the library is imported with the first message."""

    def __init__(self, token: str, url: str) -> None:
        self._token = token
        self._url = url.rstrip("/") + "/"
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="slack")
        self._client: Any = None

    async def post(self, channel: str, thread: str, text: str) -> str:
        """Post into a thread; what Slack calls the message. Raises `Unheard`."""
        answer = await self._call("chat_postMessage", channel=channel, thread_ts=thread, text=text)
        return str(answer.get("ts", ""))

    async def edit(self, channel: str, message: str, text: str) -> bool:
        """Let a message say something else; False when it is gone. Raises `Unheard`."""
        return bool(await self._call("chat_update", channel=channel, ts=message, text=text))

    async def delete(self, channel: str, message: str) -> None:
        """Take a message away. Raises `Unheard`."""
        await self._call("chat_delete", channel=channel, ts=message)

    async def react(self, channel: str, message: str, name: str) -> None:
        """Put a reaction on a message. Raises `Unheard`."""
        await self._call("reactions_add", channel=channel, timestamp=message, name=name)

    def close(self) -> None:
        """Begin nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _call(self, method: str, **said: str) -> dict[str, Any]:
        """Slack's answer; {} where it refuses what needs not be done."""
        work = functools.partial(self._called, method, said)
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _called(self, method: str, said: dict[str, str]) -> dict[str, Any]:
        from slack_sdk import WebClient
        from slack_sdk.errors import SlackApiError

        if self._client is None:
            self._client = WebClient(token=self._token, base_url=self._url, timeout=TIMEOUT, retry_handlers=[])
        try:
            answer = getattr(self._client, method)(**said)
        except SlackApiError as error:
            return _refused(error.response)
        except Exception as error:  # the library lets through whatever the network raises
            raise Unheard(f"Slack cannot be reached: {type(error).__name__}") from None
        return dict(answer.data)


def _refused(answer: Any) -> dict[str, Any]:
    why = str(answer.data.get("error", "")) if isinstance(answer.data, dict) else ""
    if why in FINE:
        return {}
    wait = {name.lower(): value for name, value in answer.headers.items()}.get("retry-after", "")
    if answer.status_code == 429 or why == "ratelimited":
        raise Unheard("Slack asked for patience", wait=min(int(wait), 3600) if str(wait).isdigit() else 30)
    raise Unheard(f"Slack refused it: {why or answer.status_code}")
