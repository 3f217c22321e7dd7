"""Stores through the API: create, find, read, change, delete, and the errors."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
import requests

from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import wait_until
from tests.stores.platform import API

from .server import DASHBOARD_KEY, Api, ApiClient

NIGHTLY = {"schedule": "0 3 * * *"}
DAY = "2026-01-01T00:00:00Z"


def problem(answer: requests.Response) -> tuple[int, str, dict[str, str]]:
    """Return status, kind and errors of a problem that has its documented form."""
    body = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert body["status"] == answer.status_code
    assert body["requestId"] == answer.headers["X-Request-Id"]
    assert body["title"]
    assert body["detail"]
    errors = {each["pointer"]: each["detail"] for each in body.get("errors", [])}
    return answer.status_code, body["type"].removeprefix("urn:store-platform:"), errors


def test_a_create_is_accepted_and_returns_the_stores_location(ann: ApiClient, plane: ControlPlane) -> None:
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
        # Only the API server knows these rules.
        ({"engine": "medusa", "hostname": "no dots"}, "/spec/hostname"),
        ({}, "/spec/engine"),
    ],
)
def test_an_invalid_spec_is_reported_by_json_pointer(ann: ApiClient, spec: dict[str, Any], pointer: str) -> None:
    status, kind, errors = problem(ann("POST", "/stores", {"name": "wrong", "spec": spec}))
    assert (status, kind, list(errors)) == (422, "invalid", [pointer])


@pytest.mark.parametrize("name", ["Y%25", "..", "%00", "a" * 300, "UPPER"])
def test_a_path_that_can_not_be_a_stores_name_is_not_found(ann: ApiClient, name: str) -> None:
    assert ann("GET", f"/stores/{name}").status_code == 404
    assert ann("POST", f"/stores/{name}/actions/suspend").status_code == 404


@pytest.mark.parametrize("name", ["Upper", "has.dot", "-begins", "x" * 41, "", "under_score"])
def test_a_name_that_can_not_be_an_address_is_rejected(ann: ApiClient, name: str) -> None:
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
def test_a_body_that_is_not_a_small_json_object_is_rejected(
    ann: ApiClient, data: bytes, content_type: str, status: int
) -> None:
    answer = ann.session.post(f"{ann.base}/stores", data=data, headers={"Content-Type": content_type}, timeout=10)
    assert problem(answer)[0] == status


def test_an_owner_can_not_create_a_store_for_somebody_else(ann: ApiClient) -> None:
    assert problem(ann.create("for-ben", owner="ben@example.com"))[:2] == (403, "forbidden")


def test_an_admin_creates_a_store_for_an_owner(ada: ApiClient, ben: ApiClient) -> None:
    assert ada.create("from-ada", owner="ben@example.com").status_code == 202
    assert ben.get("/stores/from-ada")["owner"] == "ben@example.com"


def test_a_second_store_of_a_name_is_a_conflict(ann: ApiClient, ben: ApiClient) -> None:
    ann.create("once")
    assert problem(ben.create("once")) == (409, "conflict", {"/name": "must be new"})


def test_a_dry_run_is_validated_like_a_create_and_creates_nothing(ann: ApiClient, plane: ControlPlane) -> None:
    body = {"name": "only-asked", "spec": {"engine": "medusa"}}
    answer = ann("POST", "/stores?dryRun=true", body)
    assert (answer.status_code, answer.json()["plan"]) == (200, "small")
    assert plane.client.find(API, "Store", "only-asked") is None
    ann.create("there-already")
    assert problem(ann("POST", "/stores?dryRun=true", {**body, "name": "there-already"}))[0] == 409


def test_repeating_a_create_with_its_key_returns_the_same_store(ann: ApiClient) -> None:
    body, headers = {"name": "keyed", "spec": {"engine": "medusa"}}, {"Idempotency-Key": "k1"}
    first, second = (ann("POST", "/stores", body, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json() == first.json()
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.headers["Location"] == first.headers["Location"]


def test_ten_concurrent_creates_with_one_key_make_one_store(api: Api) -> None:
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


def test_reusing_a_key_for_another_request_is_rejected(ann: ApiClient, ben: ApiClient) -> None:
    headers = {"Idempotency-Key": "k3"}
    ann("POST", "/stores", {"name": "keyed-a", "spec": {"engine": "medusa"}}, headers=headers)
    other = {"name": "keyed-b", "spec": {"engine": "medusa"}}
    assert problem(ann("POST", "/stores", other, headers=headers))[:2] == (422, "idempotency-mismatch")
    # Another caller's keys are separate.
    assert ben("POST", "/stores", other, headers=headers).status_code == 202


@pytest.mark.parametrize(
    ("name", "hostname", "pointer", "words"),
    [
        ("dashboard", None, "/name", "the name dashboard is reserved for the platform: choose another name"),
        ("mine", "dashboard.stores.localhost", "/spec/hostname", "is below the platform's domain stores.localhost"),
        ("mine", "yours.stores.localhost", "/spec/hostname", "remove spec.hostname, or set it to a host of your own"),
        ("mine", "x.cluster.local", "/spec/hostname", "is reserved for the platform"),
    ],
)
def test_the_platforms_own_names_and_hosts_are_rejected_at_their_field(
    ann: ApiClient, name: str, hostname: str | None, pointer: str, words: str
) -> None:
    status, kind, errors = problem(ann.create(name, **({"hostname": hostname} if hostname else {})))
    assert (status, kind, list(errors)) == (422, "invalid", [pointer])
    assert words in errors[pointer]


def test_locked_fields_stay_locked_without_the_gate(ann: ApiClient, ada: ApiClient) -> None:
    ann.create("locked")
    assert ada("POST", "/stores/locked/actions/suspend").status_code == 202
    status, kind, _ = problem(ann("POST", "/stores/locked/actions/resume"))
    assert (status, kind) == (403, "forbidden")
    change = {"headers": {"If-Match": "*"}}
    assert ann("PATCH", "/stores/locked", {"spec": {"plan": "large"}}, **change).status_code == 202
    assert ada("POST", "/stores/locked/actions/resume").status_code == 202
    assert ann("POST", "/stores/locked/actions/suspend").status_code == 202


def test_different_concurrent_creates_with_one_key_make_one_store(api: Api) -> None:
    def ask(number: int) -> int:
        body = {"name": f"one-of-{number}", "spec": {"engine": "medusa"}}
        return api.caller("ann")("POST", "/stores", body, headers={"Idempotency-Key": "k4"}).status_code

    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(ask, range(8)))
    assert sorted(codes) == [202, *[422] * 7]


def test_a_key_of_a_refused_request_can_be_reused(ann: ApiClient) -> None:
    headers = {"Idempotency-Key": "k5"}
    wrong = {"name": "keyed-wrong", "spec": {"engine": "medusa", "version": "0.0.1"}}
    assert ann("POST", "/stores", wrong, headers=headers).status_code == 422
    right = {"name": "keyed-right", "spec": {"engine": "medusa"}}
    assert ann("POST", "/stores", right, headers=headers).status_code == 202


def test_a_key_can_not_be_forged_with_kubectl(ann: ApiClient, ben: ApiClient, plane: ControlPlane) -> None:
    headers, body = {"Idempotency-Key": "k6"}, {"name": "keyed-forged", "spec": {"engine": "medusa"}}
    assert ann("POST", "/stores", body, headers=headers).status_code == 202
    annotations = plane.client.get(API, "Store", "keyed-forged")["metadata"]["annotations"]
    forged = {"platform.urumi.dev/idempotency-key": annotations["platform.urumi.dev/idempotency-key"]}
    other = {"apiVersion": API, "kind": "Store", "metadata": {"name": "forger", "annotations": forged}}
    plane.client.create({**other, "spec": {"engine": "medusa", "owner": "ben@example.com"}})
    again = ann("POST", "/stores", body, headers=headers)
    assert (again.status_code, again.json()["name"]) == (202, "keyed-forged")


def test_a_replay_creates_no_second_store_after_the_first_is_deleted(ann: ApiClient, plane: ControlPlane) -> None:
    headers, body = {"Idempotency-Key": "k7"}, {"name": "keyed-gone", "spec": {"engine": "medusa"}}
    ann("POST", "/stores", body, headers=headers)
    held = {"apiVersion": API, "kind": "Store", "metadata": {"name": "keyed-gone"}}
    plane.client.patch(held, {"metadata": {"finalizers": ["example.com/held"]}})
    ann("DELETE", "/stores/keyed-gone?confirm=keyed-gone")
    replayed = ann("POST", "/stores", body, headers=headers)
    assert (replayed.status_code, "is being deleted" in replayed.json()["detail"]) == (409, True)
    plane.client.patch(held, {"metadata": {"finalizers": None}})
    wait_until(lambda: plane.client.find(API, "Store", "keyed-gone") is None, "it is gone")
    replayed = ann("POST", "/stores", body, headers=headers)
    assert (replayed.status_code, "is deleted" in replayed.json()["detail"]) == (409, True)


def test_an_interrupted_create_is_recognized(ann: ApiClient, plane: ControlPlane) -> None:
    """The Store was created, and the process ended before the key recorded it."""
    headers, body = {"Idempotency-Key": "k8"}, {"name": "keyed-cut", "spec": {"engine": "medusa"}}
    ann("POST", "/stores", body, headers=headers)
    name = plane.client.get(API, "Store", "keyed-cut")["metadata"]["annotations"]["platform.urumi.dev/idempotency-key"]
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
    lease |= {"metadata": {"name": name, "namespace": "store-platform"}}
    plane.client.patch(lease, {"metadata": {"annotations": {"platform.urumi.dev/idempotency-made": None}}})
    again = ann("POST", "/stores", body, headers=headers)
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (202, "true")


def test_a_refused_dry_run_is_not_in_the_audit(ann: ApiClient) -> None:
    for spec in ({"engine": "none"}, {"engine": "medusa", "plan": 1}):
        body = {"name": "only-tried", "spec": spec}
        assert ann("POST", "/stores", body, params={"dryRun": "true"}).status_code == 422
    ann("POST", "/stores", {"name": "only-asked", "spec": {"engine": "none"}})
    wait_until(lambda: ann.get("/audit", store="only-asked")["items"], "what was asked for is recorded")
    assert ann.get("/audit", store="only-tried")["items"] == []


@pytest.mark.parametrize(
    "owner", ["bob#1", "https://issuer#sub", "a/b", "a//b", "50%25", "o'dd, a=b\\c", "?x=1", "*x", "..."]
)
def test_a_limit_is_set_for_exactly_that_owner(api: Api, owner: str) -> None:
    ada = api.caller("ada")
    assert ada("PUT", f"/quotas/{quote(owner, safe='')}", {"maxStores": 7}).status_code == 200
    assert {each["owner"] for each in ada.get("/quotas")["items"] if each["maxStores"] == 7} >= {owner}
    assert ada("PUT", f"/quotas/{quote(owner, safe='')}", {"maxStores": None}).json()["owner"] == owner


def test_a_write_without_a_response_is_recorded_as_unanswered(ann: ApiClient, plane: ControlPlane) -> None:
    assert ann("GET", "/me").status_code == 200
    pid = plane.pids()["kube-apiserver"]
    os.kill(pid, signal.SIGSTOP)
    try:
        answer = ann.create("unanswered")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert answer.status_code == 503
    (recorded,) = wait_until(lambda: ann.get("/audit", store="unanswered")["items"], "it is recorded", 30)
    assert (recorded["action"], "may have been made nevertheless" in recorded["reason"]) == ("create", True)


def test_a_refused_limit_is_recorded_with_its_owner(ada: ApiClient) -> None:
    assert ada("PUT", "/quotas/too%2Fmuch", {"maxStores": -1}).status_code == 422
    (recorded,) = wait_until(lambda: ada.get("/audit", owner="too/much")["items"], "it is recorded")
    assert (recorded["action"], recorded["outcome"]) == ("quota", "refused")


def test_a_change_needs_the_etag_that_was_read(ann: ApiClient) -> None:
    ann.create("changing")
    change = {"spec": {"plan": "medium"}}
    assert problem(ann("PATCH", "/stores/changing", change))[:2] == (428, "condition-required")
    tag = ann("GET", "/stores/changing").headers["ETag"]
    done = ann("PATCH", "/stores/changing", change, headers={"If-Match": tag})
    assert (done.status_code, done.json()["plan"]) == (202, "medium")
    late = ann("PATCH", "/stores/changing", {"spec": {"plan": "large"}}, headers={"If-Match": tag})
    assert problem(late)[:2] == (412, "stale")


def test_a_status_change_in_between_does_not_reject_a_change_of_the_spec(ann: ApiClient, plane: ControlPlane) -> None:
    ann.create("busy")
    tag = ann("GET", "/stores/busy").headers["ETag"]
    store = {"apiVersion": API, "kind": "Store", "metadata": {"name": "busy"}}
    plane.client.patch(store, {"status": {"phase": "Provisioning"}}, "status")
    done = ann("PATCH", "/stores/busy", {"spec": {"plan": "medium"}}, headers={"If-Match": tag})
    assert done.status_code == 202


def test_a_merge_patch_sets_named_fields_and_removes_nulls(ann: ApiClient) -> None:
    ann.create("patched", backup={"schedule": "0 3 * * *", "keep": 3}, adminEmail="a@example.com")
    patch = {"spec": {"backup": {"keep": 5}, "adminEmail": None}}
    done = ann("PATCH", "/stores/patched", patch, headers={"If-Match": "*"}).json()["spec"]
    assert (done["backup"], "adminEmail" in done) == ({"schedule": "0 3 * * *", "keep": 5}, False)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [({"engine": None}, "/spec/engine"), ({"storage": "1Gi"}, "/spec/storage"), ({"plan": "huge"}, "/spec/plan")],
)
def test_an_invalid_change_is_rejected_at_its_field(ann: ApiClient, change: dict[str, Any], pointer: str) -> None:
    ann.create(f"kept-{pointer[6:]}", storage="9Gi")
    answer = ann("PATCH", f"/stores/kept-{pointer[6:]}", {"spec": change}, headers={"If-Match": "*"})
    assert (problem(answer)[0], list(problem(answer)[2])) == (422, [pointer])


def test_the_currency_of_an_accepted_store_is_refused_and_its_price_format_is_not(
    ann: ApiClient, plane: ControlPlane
) -> None:
    ann.create("priced")
    store = {"apiVersion": API, "kind": "Store", "metadata": {"name": "priced"}}
    plane.client.patch(store, {"status": {"engine": "medusa"}}, "status")
    (formats,) = [each["priceFormats"] for each in ann.get("/engines")["items"] if each["name"] == "medusa"]

    def change(**shop: str) -> requests.Response:
        return ann("PATCH", "/stores/priced", {"spec": {"shop": shop}}, headers={"If-Match": "*"})

    status, _, errors = problem(change(currency="CHF"))
    assert (status, list(errors)) == (422, ["/spec/shop/currency"])
    assert "change it in the shop's own administration, where prices are set, or create a new store" in str(errors)
    for each in formats:
        assert change(priceFormat=each).json()["spec"]["shop"]["priceFormat"] == each
    assert list(problem(change(priceFormat="1"))[2]) == ["/spec/shop/priceFormat"]


@pytest.mark.parametrize("owner", ["ben@example.com", None])
def test_an_owner_can_not_transfer_a_store(ann: ApiClient, owner: str | None) -> None:
    ann.create("not-given")
    answer = ann("PATCH", "/stores/not-given", {"spec": {"owner": owner}}, headers={"If-Match": "*"})
    assert problem(answer)[:2] == (403, "forbidden")


def test_an_admin_can_not_remove_a_stores_owner(ann: ApiClient, ada: ApiClient) -> None:
    ann.create("owned")
    answer = ada("PATCH", "/stores/owned", {"spec": {"owner": None}}, headers={"If-Match": "*"})
    assert answer.status_code == 422
    assert "/spec/owner" in problem(answer)[2]


def test_a_conditional_get_of_a_known_state_returns_304(ann: ApiClient) -> None:
    ann.create("known")
    tag = ann("GET", "/stores/known").headers["ETag"]
    again = ann("GET", "/stores/known", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


def test_a_deletion_needs_the_name_as_confirmation(ann: ApiClient, plane: ControlPlane) -> None:
    ann.create("precious")
    for query in ("", "?confirm=", "?confirm=other"):
        assert problem(ann("DELETE", f"/stores/precious{query}"))[:2] == (400, "confirmation-required")
    assert plane.client.find(API, "Store", "precious") is not None
    assert ann("DELETE", "/stores/precious?confirm=precious").status_code == 202
    assert plane.client.find(API, "Store", "precious") is None


def test_deleting_a_protected_store_is_refused_with_the_policys_message(ann: ApiClient) -> None:
    ann.create("protected", deletionProtection=True)
    answer = ann("DELETE", "/stores/protected?confirm=protected")
    assert problem(answer)[:2] == (403, "forbidden")
    assert answer.json()["detail"].startswith("store protected is protected: set spec.deletionProtection to false")


def test_actions_change_their_fields_and_are_idempotent(ann: ApiClient) -> None:
    ann.create("acting")
    end = (datetime.now(UTC) + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for _ in range(2):
        assert ann("POST", "/stores/acting/actions/suspend").json()["spec"]["suspended"] is True
    assert ann("POST", "/stores/acting/actions/resume").json()["spec"]["suspended"] is False
    assert ann("POST", "/stores/acting/actions/extend", {"expiresAt": end}).json()["expiresAt"] == end
    assert ann("POST", "/stores/acting/actions/extend", {"expiresAt": None}).json()["expiresAt"] is None
    assert "restartedAt" in ann("POST", "/stores/acting/actions/restart").json()["spec"]


def test_a_restore_is_refused_while_the_store_has_no_backup(ann: ApiClient) -> None:
    ann.create("unsaved")
    answer = ann("POST", "/stores/unsaved/actions/restore", {"backup": "latest"})
    assert problem(answer) == (422, "invalid", {"/backup": "must be a backup that exists"})
    assert "restoreFrom" not in ann.get("/stores/unsaved")["spec"]


def test_each_restore_of_the_same_backup_is_a_new_request(ann: ApiClient, plane: ControlPlane) -> None:
    ann.create("saved")
    store = plane.client.get(API, "Store", "saved")
    plane.client.replace({**store, "status": {"backups": ["2026-01-01T03:00:10Z"]}}, "status")
    asked = [ann("POST", "/stores/saved/actions/restore", {"backup": "latest"}).json() for _ in range(2)]
    requests = [each["spec"]["restoreFrom"] for each in asked]
    assert [each["backup"] for each in requests] == ["latest", "latest"]
    assert requests[0]["requestedAt"] < requests[1]["requestedAt"]


def test_one_backup_at_a_time_can_be_requested_of_an_open_store_with_backups(
    ann: ApiClient, plane: ControlPlane
) -> None:
    def refused(name: str) -> bool:
        answer = ann("POST", f"/stores/{name}/actions/backup")
        assert answer.status_code in (202, 409), answer.text
        return answer.status_code == 409

    def report(status: str, reason: str, behind: int = 0) -> None:
        store = plane.client.get(API, "Store", "saving")
        made = {"type": "BackupMade", "status": status, "reason": reason, "message": "", "lastTransitionTime": DAY}
        observed = store["metadata"]["generation"] - behind
        plane.client.replace({**store, "status": {"observedGeneration": observed, "conditions": [made]}}, "status")

    ann.create("unscheduled")
    ann.create("closed", suspended=True, backup=NIGHTLY)
    ann.create("saving", backup=NIGHTLY)
    assert [refused(name) for name in ("unscheduled", "closed", "saving")] == [True, True, False]
    first = ann.get("/stores/saving")["spec"]["backup"]
    assert (first["schedule"], first["keep"], refused("saving")) == ("0 3 * * *", 7, True)
    report("True", "AsDesired", behind=1)
    assert refused("saving")
    report("False", "JobRunning")
    assert refused("saving")
    report("True", "AsDesired")
    assert not refused("saving")
    assert ann.get("/stores/saving")["spec"]["backup"]["requestedAt"] > first["requestedAt"]
    report("False", "JobFailed")
    assert not refused("saving")


def test_no_backup_can_be_requested_of_an_expired_or_terminating_store(ann: ApiClient, plane: ControlPlane) -> None:
    for name in ("ended", "leaving"):
        ann.create(name, backup=NIGHTLY)
    ended, leaving = (plane.client.get(API, "Store", name) for name in ("ended", "leaving"))
    plane.client.replace({**ended, "status": {"phase": "Suspended"}}, "status")
    leaving["metadata"]["finalizers"] = ["example.com/held"]
    leaving = plane.client.replace(leaving)
    ann("DELETE", "/stores/leaving?confirm=leaving")
    try:
        refused = [problem(ann("POST", f"/stores/{name}/actions/backup")) for name in ("ended", "leaving")]
        assert refused == [(409, "store-closed", {}), (409, "store-deleting", {})]
    finally:
        held = {"apiVersion": API, "kind": "Store", "metadata": {"name": "leaving"}}
        plane.client.patch(held, {"metadata": {"finalizers": None}})


def test_a_restore_waits_for_the_backup_that_an_open_shop_is_making(ann: ApiClient, plane: ControlPlane) -> None:
    def restore(phase: str) -> tuple[int, str]:
        store = plane.client.get(API, "Store", "both")
        plane.client.replace({**store, "status": {"phase": phase, "backups": [DAY]}}, "status")
        answer = ann("POST", "/stores/both/actions/restore", {"backup": "latest"})
        return answer.status_code, answer.json().get("type", "")

    ann.create("both", backup=NIGHTLY)
    ann("POST", "/stores/both/actions/backup")
    assert ann.get("/stores/both")["backupRequest"] == "underway"
    assert restore("Ready") == (409, "urn:store-platform:backup-underway")
    assert restore("Degraded") == (202, "")  # the backup can't be made, and a restore may be the remedy


def test_of_two_concurrent_backup_requests_one_is_accepted(ann: ApiClient, api: Api) -> None:
    ann.create("saving-once", backup=NIGHTLY)
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(api.caller("ann"), "POST", "/stores/saving-once/actions/backup") for _ in range(2)]
    assert sorted(each.result().status_code for each in asked) == [202, 409]


@pytest.mark.parametrize(("endpoint", "possible"), [("https://s3.example.com", True), ("", False)])
def test_clones_are_offered_if_backups_are_in_an_object_store(
    plane: ControlPlane, endpoint: str, possible: bool
) -> None:
    s3 = {"endpoint": endpoint, "bucket": "stores", "region": "eu"}
    with Api(plane, hooks_settings={"backup": {"s3": s3}}) as api:
        assert {each["clones"] for each in api.caller("ann").get("/engines")["items"]} == {possible}


def test_an_end_in_the_past_is_rejected(ann: ApiClient) -> None:
    ann.create("ending")
    answer = ann("POST", "/stores/ending/actions/extend", {"expiresAt": "2020-01-01T00:00:00Z"})
    assert problem(answer) == (422, "invalid", {"/expiresAt": "must be later than now"})


def test_everything_a_caller_did_or_was_refused_is_in_the_audit(ann: ApiClient, ben: ApiClient) -> None:
    created = ann.create("audited", plan="small")
    ann("PATCH", "/stores/audited", {"spec": {"plan": "medium"}}, headers={"If-Match": "*"})
    ann("PATCH", "/stores/audited", {"spec": {"plan": "huge"}}, headers={"If-Match": "*"})
    ben("POST", "/stores/audited/actions/suspend")
    ann("DELETE", "/stores/audited?confirm=audited", headers={"X-Store-Platform-Dashboard": DASHBOARD_KEY})

    wait_until(lambda: len(ann.get("/audit", store="audited")["items"]) == 5, "all five are recorded", 20)
    found = ann.get("/audit", store="audited")["items"]
    recorded = [(each["actor"], each["interface"], each["action"], each["outcome"]) for each in reversed(found)]
    assert recorded == [
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
    assert (len(table), table[0]) == (3, "at,actor,interface,action,store,owner,outcome,reason,requestId,before,after")
    assert ben.get("/audit", store="audited")["items"] == []


def test_an_address_of_another_store_is_rejected_at_its_field(
    ann: ApiClient, ben: ApiClient, plane: ControlPlane
) -> None:
    ann.create("with-host", hostname="taken.example.com")
    store = {"apiVersion": API, "kind": "Store", "metadata": {"name": "with-host"}}
    plane.client.patch(store, {"status": {"url": "https://taken.example.com"}}, "status")
    wait_until(lambda: ann.get("/stores/with-host")["url"], "the API has seen it")
    ben.create("without-host")
    change = {"spec": {"hostname": "taken.example.com"}}
    for answer in (
        ben.create("another-host", hostname="taken.example.com"),
        ben("PATCH", "/stores/without-host", change, headers={"If-Match": "*"}),
    ):
        status, kind, errors = problem(answer)
        assert (status, kind, list(errors)) == (422, "invalid", ["/spec/hostname"])
        assert "is the address of another store" in errors["/spec/hostname"]
    assert ann("PATCH", "/stores/with-host", change, headers={"If-Match": "*"}).status_code == 202


def test_the_expected_time_of_a_new_store_comes_from_earlier_ones(ann: ApiClient, plane: ControlPlane) -> None:
    ann.create("timed")
    store = plane.client.get(API, "Store", "timed")
    created = datetime.fromisoformat(store["metadata"]["creationTimestamp"])
    first = (created + timedelta(seconds=90)).strftime("%Y-%m-%dT%H:%M:%SZ")
    plane.client.replace({**store, "status": {"firstReady": first}}, "status")

    def measured() -> dict[str, Any]:
        return {each["name"]: each["secondsToReady"] for each in ann.get("/engines")["items"]}

    wait_until(lambda: measured() == {"medusa": 90, "woocommerce": None}, "the time is derived")
