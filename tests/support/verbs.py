"""What clients of all dialects have in common: a key, JSON bodies, and a word for each method."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import httpx2

from tests.support.contract import Answered, Asked

NOTHING: Any = object()
"""Stands for a body that is not sent."""
Json = dict[str, Any]


class Verbs(ABC):
    """A client with one key (or none)."""

    key: str | None
    headers: dict[str, str]

    @abstractmethod
    def send(self, method: str, path: str, body: Any = NOTHING, **more: Any) -> httpx2.Response:
        """Send a request (JSON, or `content` as it is) and hold it and its reply to the contract."""

    def built(
        self,
        http: httpx2.Client,
        method: str,
        url: str,
        body: Any = NOTHING,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx2.Request:
        """A request with the key, not sent yet."""
        sent = {**({"authorization": f"Bearer {self.key}"} if self.key is not None else {}), **self.headers}
        if body is not NOTHING:
            content = json.dumps(body).encode()
            sent["content-type"] = "application/json"
        sent |= dict(headers or {})
        return http.build_request(method, url, content=content, params=params, headers=sent)

    def get(self, path: str, **params: Any) -> httpx2.Response:
        """GET with these query parameters."""
        return self.send("GET", path, params=params)

    def post(self, path: str, body: Any = NOTHING, **more: Any) -> httpx2.Response:
        """POST."""
        return self.send("POST", path, body, **more)

    def put(self, path: str, body: Any = NOTHING, **more: Any) -> httpx2.Response:
        """PUT."""
        return self.send("PUT", path, body, **more)

    def patch(self, path: str, body: Any = NOTHING, **more: Any) -> httpx2.Response:
        """PATCH."""
        return self.send("PATCH", path, body, **more)

    def delete(self, path: str, **more: Any) -> httpx2.Response:
        """DELETE."""
        return self.send("DELETE", path, **more)


def exchange(request: httpx2.Request, response: httpx2.Response) -> tuple[Asked, Answered]:
    """A request and its whole reply, as a contract judges them."""
    asked = Asked(
        method=request.method,
        path=request.url.path,
        query=request.url.params.multi_items(),
        headers=request.headers,
        body=request.content,
    )
    return asked, Answered(status=response.status_code, headers=response.headers, body=response.content)
