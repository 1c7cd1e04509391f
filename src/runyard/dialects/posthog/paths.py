"""Requests as the routes of the dialect see them: without a slash at the end, and GET in the place of HEAD."""

from __future__ import annotations

from runyard.streams.asgi import App, Message, Receive, Scope, Send


def unslashed(app: App) -> App:
    """The app, which sees paths without the slash at their end: both answer, none redirects (contract §1.2)."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if len(path) > 1 and path[-1] == "/":
            raw: bytes = scope.get("raw_path") or b""
            scope = {**scope, "path": path[:-1], "raw_path": raw.removesuffix(b"/")}
        await app(scope, receive, send)

    return serve


def headed(app: App) -> App:
    """The app, which answers HEAD with the head of what it answers to GET (contract §1.4)."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "HEAD":
            await app(scope, receive, send)
            return
        over = False

        async def head_of(message: Message) -> None:
            nonlocal over
            if message["type"] == "http.response.start":
                await send(message)
            elif not over:
                # What goes on for long, as streams do, sees now that nobody listens.
                over = True
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        await app({**scope, "method": "GET"}, receive, head_of)

    return serve
