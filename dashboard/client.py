"""The intent API as the dashboard calls it: as somebody, with an end to every call, and errors that pages can tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter

TIMEOUT = (3.05, 15.0)
# The API's streams send a comment each 5 seconds.
STREAM_TIMEOUT = (3.05, 60.0)
CONNECTIONS = 64


class ApiAway(Exception):
    """The API did not answer."""


class ApiProblem(Exception):
    """The API refused. ``errors``: what is wrong, by JSON pointer; ``retry_after``: seconds until another try."""

    def __init__(self, status: int, told: Mapping[str, Any], retry_after: str) -> None:
        super().__init__(told.get("detail", ""))
        self.status, self.detail = status, str(told.get("detail", ""))
        self.kind = str(told.get("type", "")).rpartition(":")[2]
        self.errors = {str(each["pointer"]): str(each["detail"]) for each in told.get("errors", [])}
        self.retry_after = int(retry_after) if retry_after.isdecimal() else 0


class Api:
    """The connections to it, shared by all requests of this process."""

    def __init__(self, url: str) -> None:
        self.base = url.rstrip("/") + "/api/v1"
        self._session = requests.Session()
        # What is in the environment (.netrc, proxies) must not speak for a caller.
        self._session.trust_env = False
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=CONNECTIONS))

    def answers(self) -> bool:
        """Whether it is ready."""
        try:
            return self._session.get(self.base.removesuffix("/api/v1") + "/readyz", timeout=TIMEOUT).ok
        except requests.RequestException:
            return False

    def call(self, method: str, path: str, token: str, request_id: str = "", **options: Any) -> requests.Response:
        """One call; ``options``: requests' own. :raise ApiAway: no answer. :raise ApiProblem: an error."""
        headers = {"Authorization": f"Bearer {token}", "X-Store-Platform-Door": "dashboard"}
        if request_id:
            headers["X-Request-Id"] = request_id
        headers |= options.pop("headers", {})
        timeout = STREAM_TIMEOUT if options.get("stream") else TIMEOUT
        try:
            answer = self._session.request(
                method, self.base + path, headers=headers, timeout=timeout, allow_redirects=False, **options
            )
        except requests.RequestException as error:
            raise ApiAway(type(error).__name__) from error
        if answer.status_code < 400:
            return answer
        with answer:
            raise ApiProblem(answer.status_code, _told(answer), answer.headers.get("Retry-After", ""))


class Caller:
    """Somebody's calls. After a change, what they read is at least as new as that.

    ``since``: the version of the first thing that was read; what changed after that is in the API's stream from there.
    """

    def __init__(self, api: Api, token: str, version: str = "", request_id: str = "") -> None:
        self.api, self.token, self.version, self.request_id = api, token, version, request_id
        self.since = ""

    def read(self, path: str, **query: Any) -> Any:
        """What a GET gives."""
        return self.answer(path, **query).json()

    def answer(self, path: str, **query: Any) -> requests.Response:
        """A GET's whole answer."""
        answer = self._answer(path, query)
        self.since = self.since or answer.headers.get("Resource-Version", "")
        return answer

    def _answer(self, path: str, query: Mapping[str, Any]) -> requests.Response:
        known = {"Min-Resource-Version": self.version} if self.version else {}
        given = {key: value for key, value in query.items() if value not in (None, "")}
        try:
            return self.api.call("GET", path, self.token, self.request_id, params=given, headers=known)
        except ApiProblem as problem:
            if problem.kind != "not-yet":
                raise
            # Another of the API's servers is behind: what it has is better than no page.
            self.version = ""
            return self.api.call("GET", path, self.token, self.request_id, params=given)

    def change(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """What a change gives."""
        answer = self.api.call(method, path, self.token, self.request_id, json=body, **options)
        self.version = answer.headers.get("Resource-Version", self.version)
        return answer.json()


def _told(answer: requests.Response) -> Mapping[str, Any]:
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
