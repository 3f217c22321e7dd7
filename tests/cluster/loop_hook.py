"""Call a hook, and check its response against the contract of hook version v2."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from .client import Object

DEFAULT_TIMEOUT_SECONDS = 10.0
UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


class HookError(Exception):
    """The hook did not respond, or its response violates the contract. Nothing is changed then."""


class TryLater(Exception):
    """The hook responded 429: retry after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the hook asks to be called again in {seconds:g} s")
        self.seconds = seconds


@dataclass(frozen=True)
class Answer:
    """The hook's response."""

    status: Object
    children: list[Object] = field(default_factory=list)
    resync_after_seconds: float = 0.0
    finalized: bool = False


class Hook:
    """One hook of a CompositeController.

    :param spec: `spec.hooks.sync` or `.finalize`.
    :param read_secret: returns the value of a `secretRef`.
    :raise ValueError: the spec asks for something this stand-in does not support.
    """

    def __init__(self, spec: Object, read_secret: Callable[[Object], str]) -> None:
        webhook = spec["webhook"]
        if spec.get("version") != "v2":
            raise ValueError(f"the stand-in speaks hook version v2 only, not {spec.get('version')}")
        self.url: str = webhook["url"] if "url" in webhook else _url(webhook["service"], webhook.get("path", ""))
        self.timeout = seconds(webhook["timeout"]) if "timeout" in webhook else DEFAULT_TIMEOUT_SECONDS
        self._session = requests.Session()
        self._session.trust_env = False
        if authorization := webhook.get("authorization"):
            scheme = authorization.get("type") or "Bearer"
            token = read_secret(authorization["secretRef"]).strip()
            self._session.headers["Authorization"] = f"{scheme} {token}"

    def call(self, request: Object) -> Answer:
        """Call it and return its response.

        :raise HookError: there is none, or it is invalid.
        :raise TryLater: it was 429.
        """
        try:
            return _answer(self._ask(request))
        except (ValueError, TypeError) as error:
            raise HookError(f"{self.url} gave a malformed answer: {error}") from error

    def rules(self, request: Object) -> list[Object]:
        """Return what a customize hook relates to a parent: each apiVersion, resource, and selector.

        :raise HookError: there is no response, or it is invalid.
        :raise TryLater: it was 429.
        """
        rules = self._ask(request).get("relatedResources")
        if not isinstance(rules, list):
            raise HookError(f"{self.url} gave a malformed answer: relatedResources is no list")
        return rules

    def _ask(self, request: Object) -> Any:
        try:
            response = self._session.post(self.url, json=request, timeout=self.timeout)
        except requests.RequestException as error:
            raise HookError(f"{self.url} did not answer: {error}") from error
        if response.status_code == 429:
            raise TryLater(_retry_after(response.headers.get("Retry-After", "")))
        if response.status_code != 200:
            raise HookError(f"{self.url} answered {response.status_code}: {response.text}")
        try:
            return response.json()
        except ValueError as error:
            raise HookError(f"{self.url} gave a malformed answer: {error}") from error


def _url(service: Object, path: str) -> str:
    """Return a Service's address for callers in its cluster. TLS would need the settings that are left out."""
    if service.get("protocol", "http") != "http":
        raise ValueError(f"the stand-in calls a service by http only, not {service['protocol']}")
    return f"http://{service['name']}.{service['namespace']}:{service.get('port', 80)}/{path.lstrip('/')}"


def seconds(duration: str) -> float:
    """Return a Go duration such as `1m30s` in seconds."""
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"([\d.]+)(ms|h|m|s)", duration))


def _answer(body: Any) -> Answer:
    types: dict[str, Any] = {
        "status": dict,
        "children": list,
        "resyncAfterSeconds": (int, float),
        "finalized": bool,
    }
    if not isinstance(body, dict):
        raise TypeError("it is no JSON object")
    if unknown := body.keys() - types.keys():
        raise ValueError(f"unknown fields {sorted(unknown)}, only {list(types)} may be there")
    given = {name: value for name, value in body.items() if value is not None}
    for name, value in given.items():
        if not isinstance(value, types[name]):
            raise TypeError(f"{name} is a {type(value).__name__}")
    children = given.get("children", [])
    for index, child in enumerate(children):
        if not (isinstance(child, dict) and child.get("apiVersion") and child.get("kind")):
            raise ValueError(f"child {index} is no object with apiVersion and kind: {str(child)[:80]}")
        if not isinstance(child.get("metadata"), dict) or not child["metadata"].get("name"):
            raise ValueError(f"child {index}, a {child['kind']}, has no metadata.name")
    return Answer(given.get("status", {}), children, given.get("resyncAfterSeconds", 0), given.get("finalized", False))


def _retry_after(header: str) -> float:
    """Return the header's seconds or date, in seconds; 0 without one."""
    if header.isdigit():
        return float(header)
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0
