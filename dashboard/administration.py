"""The audit and the quotas."""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from .asking import me
from .client import ApiProblem

blueprint = Blueprint("administration", __name__)

FILTERS = ("store", "owner", "actor", "action", "outcome", "cursor")


@blueprint.get("/audit")
def audit() -> str:
    """What was done, and by whom."""
    asked = {key: request.args.get(key, "") for key in FILTERS}
    return render_template("audit.html", page=me().read("/audit", limit=50, **asked), asked=asked)


@blueprint.get("/audit.csv")
def export() -> Response:
    """The same as a table."""
    asked = {key: request.args.get(key, "") for key in FILTERS if key != "cursor"}
    answer = me().answer("/audit.csv", **asked)
    headers = {"Content-Disposition": 'attachment; filename="audit.csv"'}
    return Response(answer.content, mimetype="text/csv", headers=headers)


@blueprint.get("/quotas")
def quotas() -> str:
    """How many stores each owner may have."""
    return render_template("quotas.html", quotas=me().read("/quotas")["items"], fault="")


@blueprint.post("/quotas")
def set_quota() -> BaseResponse | tuple[str, int]:
    """Another limit for an owner, or for all together."""
    owner, most = request.form.get("owner", "").strip() or "*", request.form.get("maxStores", "").strip()
    fault = "" if not most or most.isdecimal() else _("A limit is a whole number; empty for the platform's default.")
    if not fault:
        try:
            me().change("PUT", f"/quotas/{owner}", {"maxStores": int(most) if most else None})
        except ApiProblem as problem:
            if problem.status not in (409, 422):
                raise
            fault = problem.detail
    if fault:
        return render_template("quotas.html", quotas=me().read("/quotas")["items"], fault=fault), 422
    flash(_("The limit holds from now on."))
    return redirect(url_for("administration.quotas"))
