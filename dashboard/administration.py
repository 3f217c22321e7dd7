"""The audit and the quotas."""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from .asking import me, role
from .client import ApiProblem, at
from .history import action_words

blueprint = Blueprint("administration", __name__)

# The number of an owner's shops that the history's filter lists, beside those of the page.
OWN_SHOPS = 200
FILTERS = ("store", "owner", "actor", "action", "outcome", "cursor")


@blueprint.get("/audit")
def audit() -> str:
    """Show what was done, and by whom."""
    asked = {key: request.args.get(key, "") for key in FILTERS}
    page = me().read("/audit", limit=50, **asked)
    shops = {each["store"] for each in page["items"]} | {asked["store"]}
    if role() == "owner":
        shops |= {each["name"] for each in me().read_or({"items": []}, "/stores", limit=OWN_SHOPS)["items"]}
    shops -= {""}
    return render_template("audit.html", page=page, asked=asked, shops=sorted(shops), actions=action_words())


@blueprint.get("/audit.csv")
def export() -> Response:
    """Return the same as CSV."""
    asked = {key: request.args.get(key, "") for key in FILTERS if key != "cursor"}
    headers = {"Content-Disposition": 'attachment; filename="audit.csv"'}
    return Response(me().stream("/audit.csv", **asked), mimetype="text/csv", headers=headers)


@blueprint.get("/quotas")
def quotas() -> str:
    """Show how many stores each owner may have."""
    return _quotas("")


@blueprint.post("/quotas")
def set_quota() -> BaseResponse | tuple[str, int]:
    """Set the limit of an owner, or of all owners together."""
    owner, most = request.form.get("owner", ""), request.form.get("maxStores", "").strip()
    fault = ""
    if not owner:
        fault = _("Enter an owner.")
    elif not _whole(most):
        fault = _("A limit must be a whole number. Leave it empty for the platform's default.")
    if not fault:
        try:
            quota = me().change("PUT", at("quotas", owner), {"maxStores": int(most) if most else None})
        except ApiProblem as problem:
            if problem.status not in (409, 422):
                raise
            fault = problem.detail
    if fault:
        return _quotas(fault), 422
    if quota["used"] > quota["maxStores"]:
        words = _(
            "There are %(used)s shops, more than the new limit of %(most)s. They stay; another one is refused.",
            used=quota["used"],
            most=quota["maxStores"],
        )
        flash(words, "warn")
    else:
        flash(_("The limit applies from now on."))
    return redirect(url_for("administration.quotas"))


def _whole(text: str) -> bool:
    """Whether the text is a whole number within the highest limit, or empty."""
    return not text or (text.isascii() and text.isdecimal() and len(text) < 10)


def _quotas(fault: str) -> str:
    page = me().read("/quotas", limit=50, cursor=request.args.get("cursor", ""))
    return render_template("quotas.html", quotas=page["items"], next=page["next"], fault=fault)
