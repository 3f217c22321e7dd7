"""Whom the gate serves, what an admin locks, and which outcome is recorded: without an API server."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any

import pytest
import structlog

from storeplatform.api.gate.mutation import mutation
from storeplatform.api.gate.outcomes import happened
from storeplatform.api.gate.proof import ANNOTATION, Proof
from storeplatform.api.gate.reservations import NamespaceTaken, NameTaken
from storeplatform.api.gate.review import Review
from storeplatform.api.locks import ANNOTATION as LOCKED
from storeplatform.common.serving.logs import configure_logs

from .test_contract import (
    ATTEMPTS,
    CHANGES,
    CREATIONS,
    TOKEN,
    FlaskClient,
    Judge,
    Ledger,
    answer,
    review,
    stamped,
)
from .test_contract import client as client
from .test_contract import judge as judge
from .test_contract import ledger as ledger

NOW = 1_800_000_000.0
CREATION = Review("u", "CREATE", "ann", "shop", {}, {"metadata": {"name": "shop"}, "spec": {"owner": "ann"}}, False)


@pytest.mark.parametrize("path", ["attempts", "changes", "quotas"])
@pytest.mark.parametrize("token", ["wrong", "", "%00", TOKEN[:-1], f"{TOKEN}x", TOKEN.upper()])
def test_requests_without_the_token_are_rejected(client: FlaskClient, ledger: Ledger, path: str, token: str) -> None:
    assert client.post(f"/admission/{token}/{path}", json=review()).status_code == 404
    assert ledger == []


def test_a_creation_without_the_stamp_reserves_nothing_and_is_not_recorded(
    client: FlaskClient, judge: Judge, ledger: Ledger
) -> None:
    response = client.post(CREATIONS, json=review()).get_json()["response"]
    assert (response["allowed"], response["status"]["code"]) == (False, 429)
    assert (judge.taken, ledger) == ([], [])


@pytest.mark.parametrize(
    "over",
    [
        {"object": {"metadata": {"labels": [1]}}},
        {"object": {"metadata": {"annotations": "a"}}},
        {"object": {"metadata": [1]}},
        {"object": [1]},
        {"oldObject": [1]},
        {"userInfo": {"username": 1}},
        {"name": 1},
        {"uid": {}},
        {"subResource": [1]},
    ],
    ids=str,
)
def test_malformed_requests_are_not_failures_of_the_gate(
    client: FlaskClient, ledger: Ledger, over: dict[str, Any]
) -> None:
    assert client.post(CREATIONS, json=review(**over)).status_code == 400
    assert ledger == []


def with_stamp(made: str, **over: Any) -> Review:
    metadata = {"name": "shop", "annotations": {ANNOTATION: made}, **over.pop("metadata", {})}
    return replace(CREATION, new={**CREATION.new, "metadata": metadata, **over.pop("new", {})}, **over)


def test_a_stamp_is_valid_for_its_creation() -> None:
    proof = Proof(TOKEN)
    assert proof.stamped(with_stamp(proof.stamp(CREATION, "", NOW)), NOW + 59)


@pytest.mark.parametrize(
    "over",
    [
        {"user": "bob"},
        {"name": "other", "metadata": {"name": "other"}},
        {"new": {"spec": {"owner": "bob"}}},
        {"metadata": {"labels": {"platform.urumi.dev/shard": "7"}}},
        {"dry_run": True},
    ],
    ids=["user", "name", "owner", "shard", "dry run"],
)
def test_a_stamp_is_not_valid_for_another_creation(over: dict[str, Any]) -> None:
    proof = Proof(TOKEN)
    assert not proof.stamped(with_stamp(proof.stamp(CREATION, "", NOW), **over), NOW)


@pytest.mark.parametrize("later", [61, 10_000, -60])
def test_a_stamp_is_not_valid_at_another_time(later: float) -> None:
    proof = Proof(TOKEN)
    assert not proof.stamped(with_stamp(proof.stamp(CREATION, "", NOW)), NOW + later)


@pytest.mark.parametrize(
    "made", ["", ".", "1", "x.y", f"{int(NOW)}.", f"{int(NOW)}.{'0' * 64}", "9" * 5000, "\u0661.a"]
)
def test_a_malformed_stamp_is_not_valid(made: str) -> None:
    assert not Proof(TOKEN).stamped(with_stamp(made), NOW)


def test_a_stamp_of_another_token_is_not_valid() -> None:
    assert not Proof(TOKEN).stamped(with_stamp(Proof("another token").stamp(CREATION, "", NOW)), NOW)


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [(NameTaken("taken"), 409, "AlreadyExists"), (NamespaceTaken("in use"), 422, "Invalid")],
)
def test_a_taken_name_is_refused_and_recorded(
    client: FlaskClient, judge: Judge, ledger: Ledger, error: Exception, code: int, reason: str
) -> None:
    judge.error = error
    status = answer(client)["status"]
    assert (status["code"], status["reason"]) == (code, reason)
    assert [(each.outcome, each.owner) for each in ledger] == [("refused", "ann")]


def changed(old: dict[str, Any], new: dict[str, Any], user: str = "pat", by: str = "", locked: str = "") -> Review:
    annotations = {"platform.urumi.dev/requested-by": by} if by else {}
    annotations |= {LOCKED: locked} if locked else {}
    before, after = {"owner": "ann", **old}, {"owner": "ann", **new}
    return Review(
        "u",
        "UPDATE",
        user,
        "shop",
        {"metadata": {"name": "shop"}, "spec": before},
        {"metadata": {"name": "shop", "annotations": annotations}, "spec": after},
        False,
    )


def locked_fields(review: Review) -> str:
    """Return the lock after the change; "" for none."""
    before = review.new["metadata"]["annotations"]
    patched = {each["path"]: each["value"] for each in mutation(review, Proof(TOKEN), "the-api", 1, NOW)}
    return str(patched.get("/metadata/annotations", before).get(LOCKED, ""))


END = {"expiresAt": "2030-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("old", "new", "before", "after"),
    [
        ({}, END, "", "expiresAt"),
        ({}, {"suspended": True, "deletionProtection": True}, "", "deletionProtection,suspended"),
        ({"suspended": True}, {"suspended": False}, "suspended", ""),
        (END, {}, "plan,expiresAt", "plan"),
        ({}, {"plan": "large"}, "", ""),
        ({"suspended": True}, {"suspended": True, "plan": "large"}, "", ""),
        ({}, END, "plan", "plan,expiresAt"),
    ],
)
def test_what_an_admin_sets_for_an_owner_is_locked(old: Any, new: Any, before: str, after: str) -> None:
    assert locked_fields(changed(old, new, locked=before)) == after
    assert locked_fields(changed(old, new, user="the-api", by="pat", locked=before)) == after


@pytest.mark.parametrize("by", [{"user": "ann"}, {"user": "the-api", "by": "ann"}], ids=["kubectl", "api"])
def test_what_owners_set_for_themselves_is_not_locked(by: dict[str, str]) -> None:
    assert locked_fields(changed({}, {**END, "suspended": True}, **by)) == ""
    assert locked_fields(changed(END, {}, locked="expiresAt", **by)) == "expiresAt"


def there(uid: str = "1", generation: int = 1, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"uid": uid, "generation": generation}, "spec": spec}


UPDATE = Review(
    "u", "UPDATE", "ann", "shop", there(generation=1, plan="small"), there(generation=2, plan="large"), False
)


@pytest.mark.parametrize(
    ("asked", "seen", "expected"),
    [
        (replace(CREATION, new=there("1")), there("1"), True),
        (replace(CREATION, new=there("1")), there("2"), False),
        (replace(CREATION, new=there("1")), None, None),
        (UPDATE, there(generation=2, plan="large"), True),
        (UPDATE, there(generation=2, plan="medium"), False),
        (UPDATE, there(generation=3, plan="small"), True),
        (UPDATE, there(generation=1, plan="small"), None),
        (UPDATE, None, True),
        (replace(UPDATE, operation="DELETE", new={}), there(generation=1), None),
        (replace(UPDATE, operation="DELETE", new={}), None, True),
        (replace(UPDATE, operation="DELETE", new={}), there("2"), True),
    ],
)
def test_the_outcome_of_a_request_is_seen_in_the_store(asked: Review, seen: Any, expected: bool | None) -> None:
    assert happened(asked, seen) is expected


@pytest.mark.parametrize("part", ["labels", "annotations", "finalizers", "ownerReferences"])
def test_a_change_of_the_metadata_is_recorded(client: FlaskClient, ledger: Ledger, part: str) -> None:
    value: Any = {"a": "b"} if part in ("labels", "annotations") else ["x"]
    old = {"metadata": {"name": "shop", "uid": "1"}, "spec": {"owner": "ann"}}
    answer(
        client, CHANGES, operation="UPDATE", oldObject=old, object={**old, "metadata": {"name": "shop", part: value}}
    )
    (made,) = ledger
    assert (made.action, list(made.after or {})) == ("update", [f"metadata.{part}"])


def test_a_manual_change_of_the_status_is_recorded(client: FlaskClient, ledger: Ledger) -> None:
    old = {"metadata": {"name": "shop", "uid": "1"}, "spec": {"owner": "ann"}, "status": {"phase": "Failed"}}
    new = {**old, "status": {"phase": "Ready"}}
    answer(client, CHANGES, operation="UPDATE", oldObject=old, object=new, subResource="status")
    (made,) = ledger
    assert (made.action, made.after) == ("update-status", {"status": {"phase": "Ready"}})


def test_the_controllers_own_updates_are_not_recorded(client: FlaskClient, ledger: Ledger) -> None:
    old = {"metadata": {"name": "shop", "uid": "1"}, "spec": {"owner": "ann"}}
    new = {**old, "metadata": {"name": "shop", "uid": "1", "finalizers": ["metacontroller.io/x"]}}
    for user, recorded in (("the-controller", 0), ("pat", 1)):
        answer(client, CHANGES, operation="UPDATE", user=user, oldObject=old, object=new)
        assert len(ledger) == recorded


def test_a_dry_run_is_never_recorded(client: FlaskClient, judge: Judge, ledger: Ledger) -> None:
    client.post(ATTEMPTS, json=review(dry_run=True))
    client.post(CREATIONS, json=json.loads(json.dumps(stamped(dry_run=True))))
    assert ledger == []


def test_the_token_is_in_no_line_of_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs(hide=(TOKEN,))
    try:
        logging.getLogger("gunicorn.error").error("Error handling request POST %s", ATTEMPTS)
        structlog.get_logger("gate").error("failed", path=ATTEMPTS)
    finally:
        logging.basicConfig(handlers=[], force=True)
        structlog.reset_defaults()
    lines = capfd.readouterr().err.splitlines()
    assert [TOKEN in line for line in lines] == [False, False]
    assert all("/admission/(hidden)/attempts" in line for line in lines)
