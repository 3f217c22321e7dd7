"""One store: its state, its parts, and what its owner may do with it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from . import refusals
from .asking import choices, me, now, role
from .client import ApiProblem, at
from .filters import manifest
from .integrations import words
from .state import record, state, steps

blueprint = Blueprint("store", __name__, url_prefix="/stores/<name>")

LOG_LINES = 200


@blueprint.get("/")
def overview(name: str) -> str:
    """The store's page."""
    return _page(name)


@blueprint.get("/row")
def row(name: str) -> str:
    """The store's row in the list, for the script."""
    return render_template("partials/row.html", store=me().read(at("stores", name)))


@blueprint.post("/credentials")
def credentials(name: str) -> str | Response:
    """Show the credentials, in this response only; the API records it. Reloading the form shows and records nothing."""
    once = request.form.get("once", "")
    if not once or session.get("revealed") == once:
        return _back(name, "headline")
    session["revealed"] = once
    return _page(name, credentials=me().read(at("stores", name, "credentials")))


@blueprint.get("/log")
def log(name: str) -> str:
    """Return the end of one part's log."""
    pod, container = request.args.get("part", ""), request.args.get("container", "")
    asks = me()
    pods = asks.read(at("stores", name, "pods"))["items"]
    names = [each["name"] for each in pods]
    text = ""
    if pod in names:
        text = asks.answer(at("stores", name, "pods", pod, "log"), tail=LOG_LINES, container=container).text
    return render_template("log.html", name=name, pods=pods, pod=pod, text=text)


@blueprint.get("/credentials")
@blueprint.get("/do/<action>")
def reload(name: str, action: str = "") -> Response:
    """Redirect to the page if the address of a form is reloaded."""
    return _back(name)


@blueprint.post("/do/<action>")
def act(name: str, action: str) -> Response:
    """Handle the page's buttons and small forms, then return to the page, at the form if it was refused."""
    if action not in ACTIONS:
        return _back(name)
    try:
        ACTIONS[action](name, request.form)
    except ApiProblem as problem:
        if problem.status not in (403, 409, 412, 422, 428, 503):
            raise
        words = refusals.all_of(problem, role())[:LONGEST_REFUSAL]
        kept = KEPT_INPUT.get(action, ())
        given = {key: request.form[key][:LONGEST_INPUT] for key in kept if key in request.form}
        wrong = refusals.of_integration(problem)
        session[REFUSED] = {"store": name, "action": action, "words": words, "given": given, "wrong": wrong}
        return _back(name, f"field-field.{wrong[0]}" if wrong else FIELDS.get(action, "refused"))
    flash(_("Saved. This page shows what happens next."))
    return _back(name)


def _back(name: str, anchor: str | None = None) -> Response:
    return redirect(url_for("store.overview", name=name, _anchor=anchor), 303)


@blueprint.get("/delete")
def ask_delete(name: str) -> str:
    """Show the page that lists what a deletion removes, and asks for the name."""
    return render_template("delete.html", store=me().read(at("stores", name)), fault="")


@blueprint.post("/delete")
def delete(name: str) -> Response | tuple[str, int]:
    """Delete the store if its name was typed."""
    store = me().read(at("stores", name))
    if request.form.get("confirm", "").strip() != name:
        return render_template("delete.html", store=store, fault=_("Type %(name)s to delete it.", name=name)), 422
    try:
        me().change("DELETE", at("stores", name), params={"confirm": name})
    except ApiProblem as problem:
        if problem.status not in (403, 409, 422, 503):
            raise
        return render_template("delete.html", store=store, fault=refusals.summary(problem, role())), problem.status
    flash(_("%(name)s is being deleted.", name=name))
    return redirect(url_for("stores.overview"))


# The field that gets the focus after a refusal.
FIELDS = {
    "address": "field-hostname",
    "extend": "field-day",
    "title": "field-title",
    "email": "field-email",
    "prices": "field-priceFormat",
}
# Input that is kept after a refusal; none of it is secret.
KEPT_INPUT = {
    "address": ("hostname",),
    "connect": ("integration", "provider", "field.host", "field.port", "field.username", "field.from"),
    "extend": ("day",),
    "plan": ("plan",),
    "title": ("title",),
    "email": ("email",),
    "prices": ("priceFormat",),
}
# The session's key for a refused form, until a page has shown it.
REFUSED = "refused"
# It is stored in a cookie.
LONGEST_REFUSAL, LONGEST_INPUT = 600, 300

# What a page shows for parts that are unavailable.
NOTHING: Mapping[str, Any] = {"items": []}


def _page(name: str, **more: Any) -> str:
    asks = me()
    answer = asks.answer(at("stores", name))
    store, seen, offered = answer.json(), answer.headers.get("ETag", ""), choices()
    pods = asks.read_or(NOTHING, at("stores", name, "pods"))
    events = asks.read_or(NOTHING, at("stores", name, "events"))["items"][:20]
    integrations = words(asks.read_or(NOTHING, at("stores", name, "integrations"))["items"])
    refused = session.pop(REFUSED, None) or {}
    return render_template(
        "store.html",
        **_shown(store, offered),
        seen=seen,
        pods=pods["items"],
        memory=pods.get("memoryBytes"),
        events=events,
        integrations=integrations,
        refused=refused if refused.get("store") == name else {},
        once=secrets.token_urlsafe(12),
        **offered,
        **{"credentials": None, **more},
    )


def _shown(store: Mapping[str, Any], offered: Mapping[str, Any]) -> dict[str, Any]:
    engine = offered["engines"].get(store["engine"], {})
    return {
        "store": store,
        "words": engine.get("words", {}),
        "state": state(store),
        "steps": steps(store, engine),
        "record": record(store),
        "now": now(),
        "conditions": store["status"].get("conditions", []),
        "release": store["status"].get("release", {}),
        "manifest": manifest(store),
        "may": role() != "support",
    }


def _action(what: str, **fields: str) -> Any:
    """Return a call of one of the API's actions, with its body from these fields of the form."""

    def act(name: str, form: Mapping[str, str]) -> None:
        body = {key: form.get(field, "").strip() or None for key, field in fields.items()}
        me().change("POST", at("stores", name, "actions", what), body or None, headers=_as_seen(form))

    return act


def _as_seen(form: Mapping[str, str]) -> dict[str, str]:
    """Return the ETag from which the form's page was rendered, so that later changes are not overwritten unseen.

    Forms that only open, close or restart a shop have none: their effect does not depend on the state.
    """
    return {"If-Match": form["seen"]} if form.get("seen") else {}


def _extend(name: str, form: Mapping[str, str]) -> None:
    day = form.get("day", "").strip()
    end = f"{day}T00:00:00Z" if day else None
    me().change("POST", at("stores", name, "actions", "extend"), {"expiresAt": end}, headers=_as_seen(form))


def _set(*fields: str) -> Any:
    """Return a change of fields of the spec, for the store as it was shown."""

    def act(name: str, form: Mapping[str, str]) -> None:
        spec = {field: form.get(field, "").strip() or None for field in fields}
        me().change("PATCH", at("stores", name), {"spec": spec}, headers=_as_seen(form))

    return act


def _backup(name: str, form: Mapping[str, str]) -> None:
    hour = form.get("hour", "")
    schedule = f"0 {int(hour)} * * *" if hour.isascii() and hour.isdecimal() and len(hour) < 3 else ""
    spec = {"backup": {"schedule": schedule} if schedule else None}
    me().change("PATCH", at("stores", name), {"spec": spec}, headers=_as_seen(form))


def _of_shop(field: str) -> Any:
    """Return a change of one field of ``spec.shop``, for the store as it was shown."""

    def act(name: str, form: Mapping[str, str]) -> None:
        spec = {"shop": {field: form.get(field, "").strip() or None}}
        me().change("PATCH", at("stores", name), {"spec": spec}, headers=_as_seen(form))

    return act


def _email(name: str, form: Mapping[str, str]) -> None:
    spec = {"adminEmail": form.get("email", "").strip() or None}
    me().change("PATCH", at("stores", name), {"spec": spec}, headers=_as_seen(form))


def _connect(name: str, form: Mapping[str, str]) -> None:
    """Set an integration. The form contains its name, its provider, and the provider's fields as "field.<name>"."""
    given = {key.removeprefix("field."): form[key].strip() for key in form if key.startswith("field.")}
    body = {"provider": form.get("provider", ""), "fields": given}
    me().change("PUT", at("stores", name, "integrations", form.get("integration", "")), body)


def _disconnect(name: str, form: Mapping[str, str]) -> None:
    me().change("DELETE", at("stores", name, "integrations", form.get("integration", "")))


ACTIONS = {
    "connect": _connect,
    "disconnect": _disconnect,
    "back-up-now": _action("backup"),
    "suspend": _action("suspend"),
    "resume": _action("resume"),
    "restart": _action("restart"),
    "restore": _action("restore", backup="backup"),
    "extend": _extend,
    "plan": _set("plan"),
    "version": _set("version"),
    "address": _set("hostname"),
    "backup": _backup,
    "title": _of_shop("title"),
    "prices": _of_shop("priceFormat"),
    "email": _email,
}
