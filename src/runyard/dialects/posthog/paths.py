"""Paths of the dialect: every one answers with a slash at its end too, and none redirects (contract §1.2)."""

from __future__ import annotations

from runyard.streams.asgi import App, Receive, Scope, Send


def unslashed(app: App) -> App:
    """The app, which is shown paths without the slash at their end."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if len(path) > 1 and path[-1] == "/":
            raw: bytes = scope.get("raw_path") or b""
            scope = {**scope, "path": path[:-1], "raw_path": raw.removesuffix(b"/")}
        await app(scope, receive, send)

    return serve
