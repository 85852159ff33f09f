"""The desk over HTTP, for the CLI, the walkthrough and whoever scripts it. No Django in here."""

from collections.abc import Mapping
from typing import Any

import httpx

TIMEOUT_SECONDS = 30.0


class DeskError(Exception):
    """The desk said no, or nothing. ``status`` 0: it did not answer."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}" if status else message)
        self.status = status
        self.code = code
        self.message = message


def _error(answer: httpx.Response) -> DeskError:
    try:
        body = answer.json()
    except ValueError:
        return DeskError(answer.status_code, "no_json", answer.text[:200])
    detail = body.get("detail") if isinstance(body, dict) else None
    if isinstance(detail, dict):
        return DeskError(answer.status_code, str(detail.get("error", "")), str(detail.get("message", "")))
    return DeskError(answer.status_code, str(body.get("error", "")) if isinstance(body, dict) else "", str(detail))


class DeskClient:
    """One caller with one token. Every method answers the JSON body or raises DeskError."""

    def __init__(self, base_url: str, token: str, *, channel: str = "cli", timeout: float = TIMEOUT_SECONDS) -> None:
        headers = {"Authorization": f"Bearer {token}", "X-PropBot-Channel": channel, "Accept": "application/json"}
        self._http = httpx.Client(base_url=base_url, headers=headers, timeout=timeout)

    def close(self) -> None:
        self._http.close()

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None, **query: Any) -> httpx.Response:
        wanted = {name: str(value) for name, value in query.items() if value is not None}
        try:
            answer = self._http.request(method, path, json=None if body is None else dict(body), params=wanted)
        except httpx.HTTPError as error:
            raise DeskError(0, "unreachable", f"the desk does not answer: {error.__class__.__name__}") from error
        if answer.status_code >= 400:
            raise _error(answer)
        return answer

    def get(self, path: str, **query: Any) -> Any:
        return self.call("GET", path, **query).json()

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return self.call("POST", path, body or {}).json()

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        return self.call("PATCH", path, body).json()
