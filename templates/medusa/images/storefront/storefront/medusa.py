"""Medusa's Store API over HTTP, with errors that pages can show."""

from __future__ import annotations

import json
import logging
from typing import Any

from urllib3 import PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError

log = logging.getLogger(__name__)

Object = dict[str, Any]


class BackendUnavailable(Exception):
    """The backend is unreachable, too slow or broken. A retry may succeed."""


class Refused(Exception):
    """The backend refuses. ``status`` is HTTP's; the message is the backend's own."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Medusa:
    """One backend's Store API. Thread-safe.

    :param seconds: the timeout of a request.
    """

    def __init__(self, address: str, key: str, seconds: float = 4) -> None:
        self.address = address.rstrip("/")
        self._pool = PoolManager(
            maxsize=32,
            timeout=Timeout(connect=min(2, seconds), read=seconds),
            headers={"x-publishable-api-key": key, "accept": "application/json"},
            retries=Retry(False),
        )

    def get(self, path: str, **query: Any) -> Object:
        """Send a GET request.

        :raise BackendUnavailable, Refused:
        """
        return self._ask("GET", path, fields=query)

    def post(self, path: str, body: Object | None = None, **rest: Any) -> Object:
        """Send a POST request.

        :raise BackendUnavailable, Refused:
        """
        return self._ask("POST", path, json=body or {}, **rest)

    def delete(self, path: str) -> Object:
        """Send a DELETE request.

        :raise BackendUnavailable, Refused:
        """
        return self._ask("DELETE", path)

    def _ask(self, method: str, path: str, **rest: Any) -> Object:
        try:
            answer = self._pool.request(method, f"{self.address}/store/{path}", **rest)
            body = json.loads(answer.data)
        except (HTTPError, ValueError) as error:
            log.warning("%s /store/%s: %s", method, path, error)
            raise BackendUnavailable(str(error)) from error
        if answer.status >= 500 or not isinstance(body, dict):
            log.warning("%s /store/%s answered %s", method, path, answer.status)
            raise BackendUnavailable(f"the backend answered {answer.status}")
        if answer.status >= 400:
            raise Refused(answer.status, str(body.get("message") or "The shop could not do that."))
        return body
