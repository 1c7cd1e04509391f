"""Headers that every reply of the dialect carries (contract §16, §24)."""

from __future__ import annotations

from runyard.streams.asgi import App, Header, Message, Receive, Scope, Send
from runyard.web.auth import header

LIMITS = {"q": b"x-ratelimit-limit", "r": b"x-ratelimit-remaining"}


def told(app: App) -> App:
    """The app with `X-API-Version`, the dialect's own rate limit headers, and on worker-side paths the SDK's."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers: list[Header] = list(message["headers"])
                message["headers"] = [*headers, (b"x-api-version", b"v1"), *_limits(headers), *_sdk(scope)]
            await send(message)

        await app(scope, receive, sent)

    return serve


def _limits(headers: list[Header]) -> list[Header]:
    found = []
    for name, value in headers:
        if name in {b"ratelimit", b"ratelimit-policy"}:
            for part in value.decode("latin-1").split(";")[1:]:
                key, _, number = part.partition("=")
                if key in LIMITS:
                    found.append((LIMITS[key], number.encode("ascii")))
    return found


def _sdk(scope: Scope) -> list[Header]:
    if not scope["path"].startswith("/sdk/"):
        return []
    said = header(scope, b"x-sdk-version") or ""
    version = said if said and said.isascii() and said.isprintable() and len(said) <= 64 else "legacy"
    major = version.lstrip("v").partition(".")[0]
    able = major.isdigit() and len(major) < 6 and int(major) >= 2
    return [
        (b"x-sdk-version-accepted", version.encode("ascii")),
        (b"x-sdk-capabilities", b"progress,checkpoint,usage" if able else b"none"),
    ]
