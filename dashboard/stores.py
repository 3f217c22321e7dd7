"""The list of stores, and the form for a new one."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from . import refusals
from .asking import choices, me, role
from .client import ApiProblem, at
from .filters import PHASES, manifest
from .form import Field, fields, like, spec_of

blueprint = Blueprint("stores", __name__)

FILTERS = ("text", "phase", "engine", "plan", "owner", "sort", "cursor")
PAGE = 50


@blueprint.get("/")
def overview() -> str:
    """Show the reader's stores, or those that match the filter."""
    asked = {key: request.args.get(key, "") for key in FILTERS}
    asks = me()
    page = asks.read("/stores", limit=PAGE, **asked)
    quota = asks.read_or(None, "/quota") if role() == "owner" else None
    needing = asks.read_or({"total": 0}, "/stores", limit=1, phase="Failed")["total"]
    filtered = any(asked[key] for key in ("text", "phase", "engine", "plan", "owner"))
    return render_template(
        "stores.html",
        page=page,
        asked=asked,
        filtered=filtered,
        quota=quota,
        needing=needing,
        phases=PHASES,
        **choices(),
    )


@blueprint.get("/stores/new")
def new() -> str:
    """Show the form for a new store."""
    asked, said = _asked(), request.args.to_dict()
    source = said.get("restoreFrom.store")
    begun = like(me().read(at("stores", source))) if source else {}
    return _form(asked, {**{name: field.default for name, field in asked.items()}, **begun, **said})


@blueprint.post("/stores/new")
def create() -> Response | tuple[str, int]:
    """Create the store, or only show its manifest."""
    given = {key: value.strip() for key, value in request.form.items() if key != "csrf_token"}
    preview, key = given.pop("do", "create") == "preview", given.pop("key", "")
    body = {"name": given.get("name", ""), "spec": spec_of(given)}
    try:
        options = {"params": {"dryRun": "true"}} if preview else {"headers": {"Idempotency-Key": key}}
        made = me().change("POST", "/stores", body, **options)
    except ApiProblem as problem:
        if problem.status not in (403, 409, 422, 503):
            raise
        return _form(_asked(), given, problem), problem.status
    if preview:
        return _form(_asked(), given, shown=manifest({"name": body["name"], "spec": body["spec"] | made["spec"]})), 200
    flash(_("%(name)s is being created. This page updates automatically.", name=body["name"]))
    return redirect(url_for("store.overview", name=body["name"]))


@blueprint.get("/stores/new/name")
def name() -> Response:
    """Report whether a name is free, for the script: the API validates it together with a minimal store."""
    wanted = request.args.get("name", "").strip()
    body = {"name": wanted, "spec": {"engine": next(iter(choices()["engines"]))}}
    try:
        me().change("POST", "/stores", body, params={"dryRun": "true"})
    except ApiProblem as problem:
        if problem.status not in (403, 409, 422):
            raise
        return jsonify(free=False, words=_words(problem, "/name"))
    return jsonify(free=True, words=_("This name is free."))


def _asked() -> dict[str, Field]:
    """Return the form's fields as the API describes them now: it may be of another release than this process."""
    return fields(me().read("/openapi.json"))


def _form(
    asked: Mapping[str, Field], given: Mapping[str, str], problem: ApiProblem | None = None, shown: str = ""
) -> str:
    errors = refusals.fields(problem, role()) if problem else {}
    known = {field.pointer for field in asked.values()}
    rest = [what for where, what in errors.items() if where not in known]
    quota = me().read("/quota")
    return render_template(
        "new.html",
        fields=asked,
        given=given,
        errors=errors,
        rest=rest,
        fault=refusals.summary(problem, role()) if problem and not errors else "",
        shown=shown,
        quota=quota,
        # One form creates one store, however often it is submitted.
        key=secrets.token_urlsafe(18),
        full=quota["used"] >= quota["maxStores"],
        **choices(),
    )


def _words(problem: ApiProblem, pointer: str) -> str:
    return refusals.fields(problem, role()).get(pointer) or refusals.all_of(problem, role())
