"""One store: how it is, what is in it, and what its owner may do with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from .advice import advice
from .asking import choices, me
from .client import ApiProblem
from .filters import manifest

blueprint = Blueprint("store", __name__, url_prefix="/stores/<name>")

LOG_LINES = 200


@blueprint.get("/")
def overview(name: str) -> str:
    """All of it on one page."""
    return _page(name)


@blueprint.get("/headline")
def headline(name: str) -> str:
    """The part of the page that changes, for the script."""
    return render_template("partials/headline.html", **_shown(me().read(f"/stores/{name}")))


@blueprint.get("/row")
def row(name: str) -> str:
    """Its row in the list, for the script."""
    return render_template("partials/row.html", store=me().read(f"/stores/{name}"))


@blueprint.post("/credentials")
def credentials(name: str) -> str:
    """Shown in this answer alone; the API records it."""
    return _page(name, credentials=me().read(f"/stores/{name}/credentials"))


@blueprint.get("/log")
def log(name: str) -> str:
    """The end of one part's log."""
    pod, container = request.args.get("part", ""), request.args.get("container", "")
    asks = me()
    pods = asks.read(f"/stores/{name}/pods")["items"]
    names = [each["name"] for each in pods]
    text = ""
    if pod in names:
        text = asks.answer(f"/stores/{name}/pods/{pod}/log", tail=LOG_LINES, container=container).text
    return render_template("log.html", name=name, pods=pods, pod=pod, text=text)


@blueprint.post("/do/<action>")
def act(name: str, action: str) -> Response | tuple[str, int]:
    """What the page's buttons and small forms do; back on the page afterwards."""
    if action not in ACTIONS:
        return redirect(url_for("store.overview", name=name))
    try:
        ACTIONS[action](name, request.form)
    except ApiProblem as problem:
        if problem.status not in (403, 409, 412, 422):
            raise
        return _page(name, fault=problem, failed=action), problem.status
    flash(_("Done. This page follows what comes of it."))
    return redirect(url_for("store.overview", name=name))


@blueprint.get("/delete")
def ask_delete(name: str) -> str:
    """What would go, and a field for the name."""
    return render_template("delete.html", store=me().read(f"/stores/{name}"), fault="")


@blueprint.post("/delete")
def delete(name: str) -> Response | tuple[str, int]:
    """Delete it, where its name was typed."""
    store = me().read(f"/stores/{name}")
    if request.form.get("confirm", "").strip() != name:
        return render_template("delete.html", store=store, fault=_("Type %(name)s to delete it.", name=name)), 422
    try:
        me().change("DELETE", f"/stores/{name}", params={"confirm": name})
    except ApiProblem as problem:
        if problem.status not in (403, 409, 422):
            raise
        return render_template("delete.html", store=store, fault=problem.detail), problem.status
    flash(_("%(name)s is being deleted.", name=name))
    return redirect(url_for("stores.overview"))


def _page(name: str, **more: Any) -> str:
    asks = me()
    store = asks.read(f"/stores/{name}")
    pods = asks.read(f"/stores/{name}/pods")["items"]
    events = asks.read(f"/stores/{name}/events")["items"][:20]
    told = {"fault": None, "failed": "", "credentials": None, **more}
    return render_template("store.html", **_shown(store), pods=pods, events=events, **choices(), **told)


def _shown(store: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "store": store,
        "advice": advice(store),
        "conditions": store["status"].get("conditions", []),
        "release": store["status"].get("release", {}),
        "manifest": manifest(store),
        "may": session["role"] != "support",
    }


def _action(what: str, **fields: str) -> Any:
    """A call of one of the API's actions, with its body from these fields of the form."""

    def act(name: str, form: Mapping[str, str]) -> None:
        body = {key: form.get(field, "").strip() or None for key, field in fields.items()}
        me().change("POST", f"/stores/{name}/actions/{what}", body or None)

    return act


def _extend(name: str, form: Mapping[str, str]) -> None:
    day = form.get("day", "").strip()
    end = f"{day}T00:00:00Z" if day else None
    me().change("POST", f"/stores/{name}/actions/extend", {"expiresAt": end})


def _set(*fields: str) -> Any:
    """A change of fields of the spec, of the store as it was shown."""

    def act(name: str, form: Mapping[str, str]) -> None:
        spec = {field: form.get(field, "").strip() or None for field in fields}
        me().change("PATCH", f"/stores/{name}", {"spec": spec}, headers={"If-Match": form.get("seen") or "*"})

    return act


def _backup(name: str, form: Mapping[str, str]) -> None:
    schedule = form.get("schedule", "").strip()
    spec = {"backup": {"schedule": schedule} if schedule else None}
    me().change("PATCH", f"/stores/{name}", {"spec": spec}, headers={"If-Match": "*"})


ACTIONS = {
    "suspend": _action("suspend"),
    "resume": _action("resume"),
    "restart": _action("restart"),
    "restore": _action("restore", backup="backup"),
    "extend": _extend,
    "plan": _set("plan"),
    "version": _set("version"),
    "address": _set("hostname"),
    "backup": _backup,
}
