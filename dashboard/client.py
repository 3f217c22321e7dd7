"""A client of the intent API: each call has a user and a deadline, and raises errors that pages can show."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter

from storeplatform.common.timeouts import CONNECT, DASHBOARD_PAGE, STREAM_SILENCE

CONNECTIONS = 64
PIECE = 64 * 1024
# Headers by which the API recognizes the dashboard, and the client that it calls for.
KEY_HEADER = "X-Store-Platform-Dashboard"
ADDRESS_HEADER = "X-Store-Platform-Client"
# Clients and proxies would resolve these path segments unless they are percent-encoded.
DOTS = {".": "%2E", "..": "%2E%2E"}


def at(*segments: str) -> str:
    """Return the path of these segments, each percent-encoded, so that no name can change the path."""
    return "".join(f"/{DOTS.get(segment) or quote(segment, safe='')}" for segment in segments)


class ApiUnavailable(Exception):
    """The API did not respond."""


class ApiProblem(Exception):
    """The API refused. ``errors``: what is wrong, by JSON pointer; ``retry_after``: seconds until the next attempt."""

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after: str) -> None:
        super().__init__(problem.get("detail", ""))
        self.status, self.detail = status, str(problem.get("detail", ""))
        self.kind = str(problem.get("type", "")).rpartition(":")[2]
        self.errors = {str(each["pointer"]): str(each["detail"]) for each in problem.get("errors", [])}
        self.retry_after = int(retry_after) if retry_after.isdecimal() else 0


@dataclass(frozen=True)
class Visit:
    """A visitor for whom the dashboard calls: a token, a client address, and a deadline of the monotonic clock."""

    token: str
    address: str = ""
    request_id: str = ""
    ends: float = field(default_factory=lambda: time.monotonic() + DASHBOARD_PAGE)


class Api:
    """The connections to the API, shared by all requests of this process."""

    def __init__(self, url: str, key: str = "") -> None:
        self.base, self._key = url.rstrip("/") + "/api/v1", key
        self._session = requests.Session()
        # Credentials and proxies of the environment (.netrc) must not be used for a caller.
        self._session.trust_env = False
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=CONNECTIONS))

    def answers(self) -> bool:
        """Whether the API is ready."""
        try:
            return self._session.get(self.base.removesuffix("/api/v1") + "/readyz", timeout=CONNECT).ok
        except requests.RequestException:
            return False

    def call(self, method: str, path: str, visit: Visit, **options: Any) -> requests.Response:
        """Make one call; ``options``: those of requests.

        :raise ApiUnavailable: there is no response.
        :raise ApiProblem: the API reports an error.
        """
        left = visit.ends - time.monotonic()
        if left <= 0:
            raise ApiUnavailable("the page's time is over")
        headers = {"Authorization": f"Bearer {visit.token}", ADDRESS_HEADER: visit.address}
        if self._key:
            headers[KEY_HEADER] = self._key
        if visit.request_id:
            headers["X-Request-Id"] = visit.request_id
        # A form's hidden fields may contain anything; the API rejects an invalid version or key.
        given: Mapping[str, str] = options.pop("headers", {})
        headers |= {name: value.encode("ascii", "replace").decode() for name, value in given.items()}
        timeout = (min(CONNECT, left), STREAM_SILENCE if options.get("stream") else left)
        try:
            answer = self._session.request(
                method, self.base + path, headers=headers, timeout=timeout, allow_redirects=False, **options
            )
        except requests.RequestException as error:
            raise ApiUnavailable(type(error).__name__) from error
        if answer.status_code < 400:
            return answer
        with answer:
            raise ApiProblem(answer.status_code, _problem(answer), answer.headers.get("Retry-After", ""))


class CallerApi:
    """The calls of one user. What is read after a change is at least as new as the change.

    ``since``: the version of the first response; later changes are in the API's stream from there.
    """

    def __init__(self, api: Api, visit: Visit, version: str = "") -> None:
        self.api, self.visit, self.version = api, visit, version
        self.since = ""

    def read(self, path: str, **query: Any) -> Any:
        """Return the decoded response to a GET."""
        return self.answer(path, **query).json()

    def read_or(self, otherwise: Any, path: str, **query: Any) -> Any:
        """Like ``read``, but return a fallback if it is unavailable, so that the page can be shown without it."""
        try:
            return self.read(path, **query)
        except ApiUnavailable:
            return otherwise
        except ApiProblem as problem:
            if problem.status != 503:
                raise
            return otherwise

    def answer(self, path: str, **query: Any) -> requests.Response:
        """Return the response to a GET."""
        answer = self._answer(path, query)
        self.since = self.since or answer.headers.get("Resource-Version", "")
        return answer

    def _answer(self, path: str, query: Mapping[str, Any]) -> requests.Response:
        known = {"Min-Resource-Version": self.version} if self.version else {}
        given = {key: value for key, value in query.items() if value not in (None, "")}
        try:
            return self.api.call("GET", path, self.visit, params=given, headers=known)
        except ApiProblem as problem:
            if problem.kind != "not-yet":
                raise
            # This API server lags behind another one; an older page is better than none.
            self.version = ""
            return self.api.call("GET", path, self.visit, params=given)

    def stream(self, path: str, **query: Any) -> Iterator[bytes]:
        """Yield a GET's response in pieces. Errors are raised here, not while it is read."""
        answer = self.api.call("GET", path, self.visit, params=query, stream=True)

        def pieces() -> Iterator[bytes]:
            with answer:
                yield from answer.iter_content(PIECE)

        return pieces()

    def change(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """Return the decoded response to a change."""
        answer = self.api.call(method, path, self.visit, json=body, **options)
        self.version = answer.headers.get("Resource-Version", self.version)
        return answer.json()


def _problem(answer: requests.Response) -> Mapping[str, Any]:
    try:
        content = answer.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
