"""Parse the API server's AdmissionReviews, and build the responses."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

API_VERSION = "admission.k8s.io/v1"


class MalformedReview(Exception):
    """The body is not an AdmissionReview; the message says what must hold, and contains nothing of the body."""


@dataclass(frozen=True)
class Review:
    """A request to the API server that is being admitted.

    ``operation``: CREATE, UPDATE or DELETE. ``old`` is empty for a creation, ``new`` for a deletion. A name that the
    API server generates from ``generateName`` is "" until then. ``subresource`` is "status" or "".
    """

    uid: str
    operation: str
    user: str
    name: str
    old: Mapping[str, Any]
    new: Mapping[str, Any]
    dry_run: bool
    subresource: str = ""

    @property
    def asked_name(self) -> str:
        """The name as requested: the same before and after the API server generates one."""
        metadata = self.object.get("metadata") or {}
        return str(metadata.get("generateName") or self.name)

    @property
    def object(self) -> Mapping[str, Any]:
        """The newest state of the object."""
        return self.new or self.old


def spec_of(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a Store's spec; empty if it is not a mapping, which an invalid Store may contain."""
    spec = obj.get("spec")
    return spec if isinstance(spec, dict) else {}


def parse(body: bytes) -> Review:
    """Parse a body.

    :raise MalformedReview: it is not an AdmissionReview.
    """
    try:
        review = orjson.loads(body)
        request = review["request"]
        old, new = request.get("oldObject") or {}, request.get("object") or {}
        made = Review(
            uid=request["uid"],
            operation=request["operation"],
            user=request["userInfo"].get("username", ""),
            name=request.get("name") or (new or old)["metadata"].get("name", ""),
            old=old,
            new=new,
            dry_run=bool(request.get("dryRun")),
            subresource=request.get("subResource") or "",
        )
        known = review["apiVersion"] == API_VERSION and made.operation in ("CREATE", "UPDATE", "DELETE")
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError) as error:
        raise MalformedReview(f"the body must be an AdmissionReview of {API_VERSION}") from error
    texts = all(isinstance(text, str) for text in (made.uid, made.user, made.name, made.subresource))
    if not known or not texts or not made.object or not all(_is_object(each) for each in (old, new)):
        raise MalformedReview(f"the body must be an AdmissionReview of {API_VERSION} with an object in it")
    return made


def _is_object(value: Any) -> bool:
    """Whether it is an object as the API server sends it: its metadata is always well-formed, the rest may not be."""
    if not isinstance(value, dict):
        return False
    metadata = value.get("metadata") or {}
    maps = ("labels", "annotations")
    return isinstance(metadata, dict) and all(isinstance(metadata.get(name) or {}, dict) for name in maps)


def admitted(review: Review, patch: list[dict[str, Any]] | None = None) -> bytes:
    """Return the response that admits the request, with a JSON patch if there is one."""
    change = {"patchType": "JSONPatch", "patch": base64.b64encode(orjson.dumps(patch)).decode()} if patch else {}
    return _answer(review, {"allowed": True, **change})


def refused(review: Review, code: int, reason: str, message: str) -> bytes:
    """Return the response that refuses the request. Clients that may retry (429, 503) are asked to wait one second."""
    status: dict[str, Any] = {"status": "Failure", "code": code, "reason": reason, "message": message}
    if code in (429, 503):
        status["details"] = {"retryAfterSeconds": 1}
    return _answer(review, {"allowed": False, "status": status})


def _answer(review: Review, response: dict[str, Any]) -> bytes:
    return orjson.dumps(
        {"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": {"uid": review.uid, **response}}
    )
