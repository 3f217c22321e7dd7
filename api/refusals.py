"""Translate refusals by the API server into the API's problems."""

from __future__ import annotations

import re
from typing import Any

import orjson
from kubernetes.client.exceptions import ApiException

from .problems import Problem

# A webhook or the API server itself is restarting.
UNAVAILABLE = {"Retry-After": "5"}
# The gate's responses if it can't decide; without its message, they come from the API server itself.
BUSY = {429: "too-many-requests", 503: "unavailable"}
INVALID = "the request is invalid: correct the fields that its errors name"
# The prefix that the API server puts before a policy's or a webhook's message.
VALUE = re.compile(r'^Invalid value: ("(?:[^"\\]|\\.)*": )?')
# How messages of the CRD's rules for the whole object begin; they belong to no field.
NAMES = re.compile("a store's name must")
# How a policy's or the gate's messages about one field begin.
FIELDS = (("the name ", "/name"), ("spec.hostname ", "/spec/hostname"), ("the host ", "/spec/hostname"))
DENIED = re.compile(r".*?denied (the )?request: ", re.DOTALL)


def problem_of(error: ApiException) -> Problem:
    """Return the problem that reports a refusal, with the message of the API server, the policy or the gate."""
    status = _status(error)
    message = str(status.get("message") or error.reason or "the API server refused")
    reason = status.get("reason", "")
    if error.status == 404:
        return Problem("not-found", message)
    if reason == "AlreadyExists":
        return Problem("conflict", "a store of this name already exists: choose another name", {"/name": "must be new"})
    if error.status == 409:
        return Problem(
            "conflict", f"it changed meanwhile: read it and try again ({message})", headers={"Retry-After": "1"}
        )
    if error.status in BUSY:
        seconds = (status.get("details") or {}).get("retryAfterSeconds") or 1
        denied = DENIED.match(message)
        kind = BUSY[error.status] if denied else "unavailable"
        words = DENIED.sub("", message) if denied else "the platform is busy: try again"
        return Problem(kind, words, headers={"Retry-After": str(seconds)} if denied else UNAVAILABLE)
    if DENIED.match(message) and error.status == 422:
        words = DENIED.sub("", message)
        return Problem("invalid", words, {where: words for begins, where in FIELDS if words.startswith(begins)})
    if DENIED.match(message) or error.status == 403:
        kind = "quota-exceeded" if "StoreQuota" in message else "forbidden"
        return Problem(kind, DENIED.sub("", message))
    if error.status == 422:
        causes = _causes(status)
        return Problem("invalid", INVALID if causes else message, causes)
    if error.status == 400:
        return Problem("malformed-request", message)
    if "failed calling webhook" in message:
        return Problem(
            "unavailable",
            "the gate, which checks quotas, is unavailable, so nothing can be created: try again",
            headers=UNAVAILABLE,
        )
    return Problem("unavailable", "the cluster can't do this now: try again", headers=UNAVAILABLE)


def _status(error: ApiException) -> dict[str, Any]:
    try:
        return dict(orjson.loads(error.body or b"{}"))
    except ValueError:
        return {}


def _causes(status: dict[str, Any]) -> dict[str, str]:
    causes = (status.get("details") or {}).get("causes") or []
    # The last message of a field is used: for a name, Kubernetes' own comes before the CRD's.
    return {_pointer(cause): VALUE.sub("", cause.get("message", "")) for cause in causes}


def _pointer(cause: dict[str, Any]) -> str:
    """Return Kubernetes' ``spec.backup.keep`` or ``spec.a[0]`` as ``/spec/backup/keep`` or ``/spec/a/0``.

    A name keeps our pointer.
    """
    field = cause.get("field", "")
    if field == "metadata.name" or NAMES.match(VALUE.sub("", cause.get("message", ""))):
        return "/name"
    return "/" + re.sub(r"[.\[]", "/", field.replace("]", "")) if field and field != "<nil>" else "/"
