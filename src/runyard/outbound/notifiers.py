"""Messages through apprise (https://github.com/caronc/apprise), which speaks to many services.

It makes its own connections, past the guard of our client. So its URLs may only have the schemes that the operator
lists: by default services whose addresses are fixed in its code, whatever a URL says. Where the operator lists a scheme
whose URLs name a host, that host is judged before each message; apprise looks it up again, so that who writes such URLs
must be trusted not to change what a name means in between.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import re
import socket
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

from runyard.domain.errors import Invalid
from runyard.outbound.guard import is_allowed
from runyard.outbound.messages import NoAnswer
from runyard.settings import APPRISE_SCHEMES, Settings

LONGEST = 2048
AT_ONCE = 8
"""Each message takes a thread for as long as it takes."""
_URL = re.compile(r"([a-z][a-z0-9+.-]*)://([\x21-\x7e]+)", re.IGNORECASE)
_PLACE = re.compile(r"\{([^{}]*)\}")
PLACES = ("peer_id", "group_id", "thread_id")
"""What stands in a URL for whom a message is for."""
_HOSTS = ("host", "smtp_host", "hostname")


def check_url(url: str, settings: Settings) -> None:
    """Raise `Invalid` for a URL through which no messages may go."""
    found = _URL.fullmatch(url) if len(url) <= LONGEST else None
    if found is None:
        raise Invalid(f"an apprise URL looks like scheme://…, in at most {LONGEST} printable ASCII characters")
    scheme = found[1].lower()
    if scheme not in settings.apprise_schemes:
        allowed = ", ".join(settings.apprise_schemes)
        raise Invalid(f"apprise may not use {scheme}:// here; allowed are {allowed} (RUNYARD_APPRISE_SCHEMES)")
    for name in _PLACE.findall(url):
        if name not in PLACES:
            raise Invalid(
                f"an apprise URL may say {', '.join(f'{{{one}}}' for one in PLACES)} and no other name in {{}}"
            )
    if "{" in found[2].partition("/")[0].partition("?")[0]:
        raise Invalid("the part of an apprise URL before the first / must be written out; put {} names behind it")
    if importlib.util.find_spec("apprise") is None:
        raise Invalid("apprise is not installed on this server; install `runyard[notify]`, or use a webhook")


def filled(url: str, target: Mapping[str, str | None]) -> str:
    """The URL with whom the message is for; nobody can change where it leads by what they are called."""
    return _PLACE.sub(lambda place: quote(target.get(place[1]) or "", safe=""), url)


class Notifier:
    """Sends through apprise, in threads of its own; it is imported with the first message."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="apprise")

    async def send(self, url: str, title: str, text: str, *, timeout: float) -> None:  # noqa: ASYNC109
        """Have the service take the message. Raises `NoAnswer` when it did not in time, or may not be asked."""
        work = functools.partial(_send, url, title, text, self.settings, timeout)
        try:
            async with asyncio.timeout(timeout):
                await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except TimeoutError:
            raise NoAnswer("timeout", f"the service did not take the message within {timeout:g} seconds") from None

    def close(self) -> None:
        """Begin nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _send(url: str, title: str, text: str, settings: Settings, timeout: float) -> None:
    try:
        check_url(url, settings)
    except Invalid as error:
        raise NoAnswer("refused", error.detail) from None
    scheme = url.partition("://")[0].lower()
    try:
        is_taken = _notified(url, scheme, title, text, settings, timeout)
    except NoAnswer:
        raise
    except Exception as error:
        # So many services, so many ways to fail; what they say may hold the URL.
        raise NoAnswer("transient", f"sending through {scheme}:// failed with {type(error).__name__}") from None
    if not is_taken:
        raise NoAnswer("transient", f"the {scheme}:// service did not take the message")


def _notified(url: str, scheme: str, title: str, text: str, settings: Settings, timeout: float) -> bool:
    """Whether the service took the message. Raises `NoAnswer`, and whatever services raise."""
    import apprise

    # Nothing is kept on disk, no plugins are read from there, and no answer leads elsewhere.
    asset = apprise.AppriseAsset(
        storage_mode="memory", http_redirects=False, async_mode=False, service_timeout=timeout, secure_logging=True
    )
    service: Any = apprise.Apprise.instantiate(url, asset=asset)
    if service is None:
        raise NoAnswer("refused", f"apprise cannot read the {scheme}:// URL; see its documentation for how it looks")
    service.redirects = False
    if scheme not in APPRISE_SCHEMES:
        _judge(service, settings)
    return bool(service.notify(body=text, title=title, notify_type=apprise.NotifyType.INFO))


def _judge(service: Any, settings: Settings) -> None:
    """Raise `NoAnswer` when the service is where messages may not go."""
    for host in _hosts(service):
        try:
            found = {str(one[4][0]) for one in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
        except (OSError, UnicodeError):
            raise NoAnswer("connection", f"the host {host[:253]} cannot be resolved") from None
        if not all(is_allowed(address, settings) for address in found):
            raise NoAnswer("refused", f"{host} is at a private address (RUNYARD_ALLOW_PRIVATE_ENDPOINTS)")


def _hosts(service: Any) -> Iterator[str]:
    for name in _HOSTS:
        host = getattr(service, name, None)
        if isinstance(host, str) and host:
            yield host
