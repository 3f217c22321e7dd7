"""Parse an AdmissionReview of the API server, and answer it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

API_VERSION = "admission.k8s.io/v1"


class MalformedReview(Exception):
    """What was sent is no AdmissionReview; the message says what must hold and holds nothing of it."""


@dataclass(frozen=True)
class Review:
    """One request that the API server was asked for, on its way to be done.

    ``operation``: CREATE, UPDATE or DELETE. ``old`` is empty at a creation, ``new`` at a deletion. A name that the
    API server makes up from ``generateName`` is empty until it did. ``subresource`` is "status" or empty.
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
        """The name as it was asked for: the same before and after the API server made one up."""
        metadata = self.object.get("metadata") or {}
        return str(metadata.get("generateName") or self.name)

    @property
    def object(self) -> Mapping[str, Any]:
        """The newest state of the object."""
        return self.new or self.old


def spec_of(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    """A Store's spec. Of what is refused it may be anything; it is empty then."""
    spec = obj.get("spec")
    return spec if isinstance(spec, dict) else {}


def parse(body: bytes) -> Review:
    """:raise MalformedReview: it is none."""
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
    """Whether it is one as the API server sends it: its metadata are always well formed, the rest may not be."""
    if not isinstance(value, dict):
        return False
    metadata = value.get("metadata") or {}
    maps = ("labels", "annotations")
    return isinstance(metadata, dict) and all(isinstance(metadata.get(name) or {}, dict) for name in maps)


def admitted(review: Review, patch: list[dict[str, Any]] | None = None) -> bytes:
    """The answer that lets it continue, changed by a JSON patch where there is one."""
    change = {"patchType": "JSONPatch", "patch": base64.b64encode(orjson.dumps(patch)).decode()} if patch else {}
    return _answer(review, {"allowed": True, **change})


def refused(review: Review, code: int, reason: str, message: str) -> bytes:
    """The answer that ends it. Clients that may try again (429, 503) are asked to wait a second."""
    status: dict[str, Any] = {"status": "Failure", "code": code, "reason": reason, "message": message}
    if code in (429, 503):
        status["details"] = {"retryAfterSeconds": 1}
    return _answer(review, {"allowed": False, "status": status})


def _answer(review: Review, response: dict[str, Any]) -> bytes:
    return orjson.dumps(
        {"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": {"uid": review.uid, **response}}
    )
