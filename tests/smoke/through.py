"""HTTP to one address for any host, like curl's --connect-to."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter


class Through(HTTPAdapter):
    """Sends every request to ``base_url``. The Host header, TLS, cookies and redirects are those of the requested URL.

    :param host: the host for TLS, if ``base_url`` uses it.
    """

    def __init__(self, base_url: str, host: str) -> None:
        self._base, self._host = urlsplit(base_url), host
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **more: Any) -> None:
        super().init_poolmanager(*arguments, server_hostname=self._host, **more)

    def send(self, request: requests.PreparedRequest, *arguments: Any, **more: Any) -> requests.Response:
        asked = str(request.url)
        parts = urlsplit(asked)
        request.headers["Host"] = parts.netloc
        request.url = parts._replace(scheme=self._base.scheme, netloc=self._base.netloc).geturl()
        answer = super().send(request, *arguments, **more)
        request.url = answer.url = asked
        return answer
