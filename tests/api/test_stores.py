"""Stores through the API: made, found, read, changed, deleted, and the errors in between."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import wait_until
from tests.stores.platform import API

from .server import Api, Caller


def problem(answer: requests.Response) -> tuple[int, str, dict[str, str]]:
    """The status, the kind and what is wrong where, of an error that has its documented form."""
    body = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert body["status"] == answer.status_code
    assert body["requestId"] == answer.headers["X-Request-Id"]
    assert body["title"]
    assert body["detail"]
    errors = {each["pointer"]: each["detail"] for each in body.get("errors", [])}
    return answer.status_code, body["type"].removeprefix("urn:store-platform:"), errors


def test_a_create_is_accepted_and_says_where_the_store_is(ann: Caller, plane: ControlPlane) -> None:
    answer = ann.create("made", plan="medium")
    assert (answer.status_code, answer.headers["Location"]) == (202, "/api/v1/stores/made")
    made = plane.client.get(API, "Store", "made")
    assert made["spec"] == {
        "engine": "medusa",
        "owner": "ann@example.com",
        "plan": "medium",
        "suspended": False,
        "deletionProtection": False,
        "shop": {"country": "DE", "currency": "EUR"},
    }
    assert made["metadata"]["annotations"] == {"platform.urumi.dev/requested-by": "ann@example.com"}
    assert answer.json()["spec"] == made["spec"]
    assert answer.json()["phase"] == "Pending"


@pytest.mark.parametrize(
    ("spec", "pointer"),
    [
        ({"engine": "medusa", "plan": "huge"}, "/spec/plan"),
        ({"engine": "shopware"}, "/spec/engine"),
        ({"engine": "medusa", "version": "0.0.1"}, "/spec/version"),
        ({"engine": "medusa", "storage": "5"}, "/spec/storage"),
        ({"engine": "medusa", "suspended": "yes"}, "/spec/suspended"),
        ({"engine": "medusa", "backup": {"schedule": "0 3 * * *", "keep": 0}}, "/spec/backup/keep"),
        ({"engine": "medusa", "backup": {}}, "/spec/backup/schedule"),
        ({"engine": "medusa", "expiresAt": "tomorrow"}, "/spec/expiresAt"),
        ({"engine": "medusa", "expiresAt": "2024-01-01T12:99:00Z"}, "/spec/expiresAt"),
        ({"engine": "medusa", "colour": "red"}, "/spec/colour"),
        ({"engine": "medusa", "storefront": {"replicas": 1.5}}, "/spec/storefront/replicas"),
        # Only the API server's own rules know these.
        ({"engine": "medusa", "hostname": "no dots"}, "/spec/hostname"),
        ({}, "/spec/engine"),
    ],
)
def test_what_is_wrong_with_a_spec_is_told_by_its_json_pointer(ann: Caller, spec: dict[str, Any], pointer: str) -> None:
    status, kind, errors = problem(ann("POST", "/stores", {"name": "wrong", "spec": spec}))
    assert (status, kind, list(errors)) == (422, "invalid", [pointer])


@pytest.mark.parametrize("name", ["Y%25", "..", "%00", "a" * 300, "UPPER"])
def test_what_can_be_no_stores_name_is_not_there(ann: Caller, name: str) -> None:
    assert ann("GET", f"/stores/{name}").status_code == 404
    assert ann("POST", f"/stores/{name}/actions/suspend").status_code == 404


@pytest.mark.parametrize("name", ["Upper", "has.dot", "-begins", "x" * 41, "", "under_score"])
def test_a_name_that_can_be_no_address_is_refused(ann: Caller, name: str) -> None:
    status, kind, _ = problem(ann.create(name))
    assert (status, kind) == (422, "invalid")


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 422),
        (b'{"name": "x", "spec": ' + b'{"a":' * 30 + b"1" + b"}" * 31, "application/json", 400),
        (b"name: x", "application/yaml", 415),
        (b" " * 70_000, "application/json", 413),
    ],
)
def test_a_body_that_is_no_small_json_object_is_refused(
    ann: Caller, data: bytes, content_type: str, status: int
) -> None:
    answer = ann.session.post(f"{ann.base}/stores", data=data, headers={"Content-Type": content_type}, timeout=10)
    assert problem(answer)[0] == status


def test_an_owner_makes_no_store_for_another(ann: Caller) -> None:
    assert problem(ann.create("for-ben", owner="ben@example.com"))[:2] == (403, "forbidden")


def test_an_admin_makes_a_store_for_an_owner(ada: Caller, ben: Caller) -> None:
    assert ada.create("from-ada", owner="ben@example.com").status_code == 202
    assert ben.get("/stores/from-ada")["owner"] == "ben@example.com"


def test_a_second_store_of_a_name_is_a_conflict(ann: Caller, ben: Caller) -> None:
    ann.create("once")
    assert problem(ben.create("once")) == (409, "conflict", {"/name": "must be new"})


def test_a_dry_run_is_judged_as_the_real_thing_and_makes_nothing(ann: Caller, plane: ControlPlane) -> None:
    body = {"name": "only-asked", "spec": {"engine": "medusa"}}
    answer = ann("POST", "/stores?dryRun=true", body)
    assert (answer.status_code, answer.json()["plan"]) == (200, "small")
    assert plane.client.find(API, "Store", "only-asked") is None
    ann.create("there-already")
    assert problem(ann("POST", "/stores?dryRun=true", {**body, "name": "there-already"}))[0] == 409


def test_a_create_that_is_repeated_with_its_key_gives_the_same_store(ann: Caller) -> None:
    body, headers = {"name": "keyed", "spec": {"engine": "medusa"}}, {"Idempotency-Key": "k1"}
    first, second = (ann("POST", "/stores", body, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json() == first.json()
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.headers["Location"] == first.headers["Location"]


def test_the_same_create_ten_times_at_once_makes_one_store_and_ten_same_answers(api: Api) -> None:
    body, headers = {"name": "keyed-at-once", "spec": {"engine": "medusa"}}, {"Idempotency-Key": "k2"}
    answers: list[requests.Response] = []
    threads = [
        threading.Thread(target=lambda: answers.append(api.caller("ann")("POST", "/stores", body, headers=headers)))
        for _ in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [202] * 10
    assert len({answer.text for answer in answers}) == 1


def test_a_key_that_was_used_for_another_request_is_refused(ann: Caller, ben: Caller) -> None:
    headers = {"Idempotency-Key": "k3"}
    ann("POST", "/stores", {"name": "keyed-a", "spec": {"engine": "medusa"}}, headers=headers)
    other = {"name": "keyed-b", "spec": {"engine": "medusa"}}
    assert problem(ann("POST", "/stores", other, headers=headers))[:2] == (422, "idempotency-mismatch")
    # Another caller's keys are their own.
    assert ben("POST", "/stores", other, headers=headers).status_code == 202


def test_a_change_needs_the_state_that_was_read(ann: Caller) -> None:
    ann.create("changing")
    change = {"spec": {"plan": "medium"}}
    assert problem(ann("PATCH", "/stores/changing", change))[:2] == (428, "condition-required")
    tag = ann("GET", "/stores/changing").headers["ETag"]
    done = ann("PATCH", "/stores/changing", change, headers={"If-Match": tag})
    assert (done.status_code, done.json()["plan"]) == (202, "medium")
    late = ann("PATCH", "/stores/changing", {"spec": {"plan": "large"}}, headers={"If-Match": tag})
    assert problem(late)[:2] == (412, "stale")


def test_a_status_that_changed_meanwhile_refuses_no_change_of_the_spec(ann: Caller, plane: ControlPlane) -> None:
    ann.create("busy")
    tag = ann("GET", "/stores/busy").headers["ETag"]
    store = {"apiVersion": API, "kind": "Store", "metadata": {"name": "busy"}}
    plane.client.patch(store, {"status": {"phase": "Provisioning"}}, "status")
    done = ann("PATCH", "/stores/busy", {"spec": {"plan": "medium"}}, headers={"If-Match": tag})
    assert done.status_code == 202


def test_a_merge_patch_sets_what_it_names_and_removes_what_is_null(ann: Caller) -> None:
    ann.create("patched", backup={"schedule": "0 3 * * *", "keep": 3}, adminEmail="a@example.com")
    patch = {"spec": {"backup": {"keep": 5}, "adminEmail": None}}
    done = ann("PATCH", "/stores/patched", patch, headers={"If-Match": "*"}).json()["spec"]
    assert (done["backup"], "adminEmail" in done) == ({"schedule": "0 3 * * *", "keep": 5}, False)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [({"engine": None}, "/spec/engine"), ({"storage": "1Gi"}, "/spec/storage"), ({"plan": "huge"}, "/spec/plan")],
)
def test_a_change_that_may_not_be_is_refused_where_it_is_wrong(
    ann: Caller, change: dict[str, Any], pointer: str
) -> None:
    ann.create(f"kept-{pointer[6:]}", storage="9Gi")
    answer = ann("PATCH", f"/stores/kept-{pointer[6:]}", {"spec": change}, headers={"If-Match": "*"})
    assert (problem(answer)[0], list(problem(answer)[2])) == (422, [pointer])


def test_an_owner_gives_no_store_away(ann: Caller) -> None:
    ann.create("not-given")
    answer = ann("PATCH", "/stores/not-given", {"spec": {"owner": "ben@example.com"}}, headers={"If-Match": "*"})
    assert problem(answer)[:2] == (403, "forbidden")


def test_what_is_known_already_is_not_sent_again(ann: Caller) -> None:
    ann.create("known")
    tag = ann("GET", "/stores/known").headers["ETag"]
    again = ann("GET", "/stores/known", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


def test_nothing_is_deleted_without_its_name_once_more(ann: Caller, plane: ControlPlane) -> None:
    ann.create("precious")
    for query in ("", "?confirm=", "?confirm=other"):
        assert problem(ann("DELETE", f"/stores/precious{query}"))[:2] == (400, "confirmation-required")
    assert plane.client.find(API, "Store", "precious") is not None
    assert ann("DELETE", "/stores/precious?confirm=precious").status_code == 202
    assert plane.client.find(API, "Store", "precious") is None


def test_a_protected_store_refuses_to_be_deleted_with_the_policys_words(ann: Caller) -> None:
    ann.create("protected", deletionProtection=True)
    answer = ann("DELETE", "/stores/protected?confirm=protected")
    assert problem(answer)[:2] == (403, "forbidden")
    assert answer.json()["detail"].startswith("store protected is protected: set spec.deletionProtection to false")


def test_actions_change_the_spec_they_are_about_and_can_be_repeated(ann: Caller) -> None:
    ann.create("acting")
    end = (datetime.now(UTC) + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for _ in range(2):
        assert ann("POST", "/stores/acting/actions/suspend").json()["spec"]["suspended"] is True
    assert ann("POST", "/stores/acting/actions/resume").json()["spec"]["suspended"] is False
    assert ann("POST", "/stores/acting/actions/extend", {"expiresAt": end}).json()["expiresAt"] == end
    assert ann("POST", "/stores/acting/actions/extend", {"expiresAt": None}).json()["expiresAt"] is None
    restored = ann("POST", "/stores/acting/actions/restore", {"backup": "latest"}).json()["spec"]
    assert restored["restoreFrom"] == {"backup": "latest"}
    assert "restartedAt" in ann("POST", "/stores/acting/actions/restart").json()["spec"]


def test_an_end_in_the_past_is_refused(ann: Caller) -> None:
    ann.create("ending")
    answer = ann("POST", "/stores/ending/actions/extend", {"expiresAt": "2020-01-01T00:00:00Z"})
    assert problem(answer) == (422, "invalid", {"/expiresAt": "must be later than now"})


def test_everything_a_caller_did_or_was_refused_is_in_the_audit(ann: Caller, ben: Caller) -> None:
    created = ann.create("audited", plan="small")
    ann("PATCH", "/stores/audited", {"spec": {"plan": "medium"}}, headers={"If-Match": "*"})
    ann("PATCH", "/stores/audited", {"spec": {"plan": "huge"}}, headers={"If-Match": "*"})
    ben("POST", "/stores/audited/actions/suspend")
    ann("DELETE", "/stores/audited?confirm=audited", headers={"X-Store-Platform-Door": "dashboard"})

    wait_until(lambda: len(ann.get("/audit", store="audited")["items"]) == 5, "all five are recorded", 20)
    found = ann.get("/audit", store="audited")["items"]
    told = [(each["actor"], each["door"], each["action"], each["outcome"]) for each in reversed(found)]
    assert told == [
        ("ann@example.com", "api", "create", "admitted"),
        ("ann@example.com", "api", "update", "admitted"),
        ("ann@example.com", "api", "update", "refused"),
        ("ben@example.com", "api", "suspend", "refused"),
        ("ann@example.com", "dashboard", "delete", "admitted"),
    ]
    assert (found[3]["before"], found[3]["after"]) == ({"plan": "small"}, {"plan": "medium"})
    assert "must be one of: large, medium, small" in found[2]["reason"]
    assert found[4]["requestId"] == created.headers["X-Request-Id"]
    table = ann("GET", "/audit.csv", params={"store": "audited", "outcome": "refused"}).text.splitlines()
    assert (len(table), table[0]) == (3, "at,actor,door,action,store,owner,outcome,reason,requestId,before,after")
    assert ben.get("/audit", store="audited")["items"] == []
