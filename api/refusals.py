"""What the API server refused, as a caller of this API can use it."""

from __future__ import annotations

import re
from typing import Any

import orjson
from kubernetes.client.exceptions import ApiException

from .problems import Problem

# A webhook or the API server itself is on its way back.
AWAY = {"Retry-After": "5"}
MEND = "the request must be mended where its errors say"
# What the API server puts before a policy's or a webhook's own words.
VALUE = re.compile(r'^Invalid value: ("(?:[^"\\]|\\.)*": )?')
# How the CRD's rules of the whole object begin; they have no field to hang on.
NAMES = re.compile("a store's name must")
DENIED = re.compile(r".*?denied (the )?request: ", re.DOTALL)


def problem_of(error: ApiException) -> Problem:
    """The problem that tells a refusal; its words are the API server's, the policy's or the gate's own."""
    status = _status(error)
    message = str(status.get("message") or error.reason or "the API server refused")
    reason = status.get("reason", "")
    if error.status == 404:
        return Problem("not-found", message)
    if reason == "AlreadyExists":
        return Problem("conflict", "a store of this name is there already: choose another", {"/name": "must be new"})
    if error.status == 409:
        return Problem(
            "conflict", f"it changed meanwhile: read it and try again ({message})", headers={"Retry-After": "1"}
        )
    if DENIED.match(message) or error.status == 403:
        kind = "quota-exceeded" if "StoreQuota" in message else "forbidden"
        return Problem(kind, DENIED.sub("", message))
    if error.status == 422:
        causes = _causes(status)
        return Problem("invalid", MEND if causes else message, causes)
    if error.status == 400:
        return Problem("malformed-request", message)
    if error.status == 429:
        return Problem("unavailable", "the platform is busy: try again", headers=AWAY)
    if "failed calling webhook" in message:
        return Problem(
            "unavailable", "the gate that checks quotas is away, so nothing can be created: try again", headers=AWAY
        )
    return Problem("unavailable", "the cluster can't do this now: try again", headers=AWAY)


def _status(error: ApiException) -> dict[str, Any]:
    try:
        return dict(orjson.loads(error.body or b"{}"))
    except ValueError:
        return {}


def _causes(status: dict[str, Any]) -> dict[str, str]:
    causes = (status.get("details") or {}).get("causes") or []
    # The last one of a field stands: Kubernetes' own words for a name come before the CRD's.
    return {_pointer(cause): VALUE.sub("", cause.get("message", "")) for cause in causes}


def _pointer(cause: dict[str, Any]) -> str:
    """Kubernetes' ``spec.backup.keep`` or ``spec.a[0]`` as ``/spec/backup/keep``, ``/spec/a/0``; a name is ours."""
    field = cause.get("field", "")
    if field == "metadata.name" or NAMES.match(VALUE.sub("", cause.get("message", ""))):
        return "/name"
    return "/" + re.sub(r"[.\[]", "/", field.replace("]", "")) if field and field != "<nil>" else "/"
