"""Each part of the platform may do exactly what it does: its calls, from the API server's own audit log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storeplatform.api.controllers.readers import PREFIX
from storeplatform.api.storequotas import quota_name

from ..api.server import USERS, Api, ApiClient
from ..cluster.controlplane import ControlPlane
from ..cluster.credentials import METACONTROLLER_ACCOUNT
from ..cluster.loops import find_metacontroller
from ..cluster.processes import whole_lines
from ..cluster.waiting import wait_until
from ..controllers.process import CONTROLLERS_USER, controllers
from ..stores.gate import Gate
from ..stores.platform import API, Platform, shipped
from ..stores.reaper import REAPER, REAPER_USER, reap

# Nothing responds there.
NO_RESOLVER = "127.0.0.1#1"
ACCOUNTS = {
    "metacontroller": METACONTROLLER_ACCOUNT,
    "api": USERS["api"].username,
    "reaper": REAPER.username,
    "controllers": CONTROLLERS_USER["controllers"].username,
}
# Checked with the authorizer by policies and by the API server itself: not visible in requests.
BY_POLICY = {"act-for-owner", "bind", "vouch"}

Call = tuple[str, str, str]

# What does not happen within a few minutes.
MANUAL_CHANGE = "a manual change is reverted"
CHILDREN = [
    (child["apiVersion"].rpartition("/")[0], child["resource"])
    for child in shipped("controller.yaml")[0]["spec"]["childResources"]
]
CONTROLLERS = ("compositecontrollers", "controllerrevisions", "decoratorcontrollers")
WATCHED = [
    *CHILDREN,
    ("", "pods"),
    ("apiextensions.k8s.io", "customresourcedefinitions"),
    ("platform.urumi.dev", "stores"),
    *(("metacontroller.k8s.io", kind) for kind in CONTROLLERS),
]
RARELY: dict[str, dict[Call, str]] = {
    "metacontroller": {
        **{("list", *each): "an API server that streams no lists" for each in WATCHED},
        **{("get", *each): "an object is adopted or let go by its labels" for each in CHILDREN},
        **{("update", *each): MANUAL_CHANGE for each in CHILDREN},
        **{("get", "metacontroller.k8s.io", kind): "its client may read one" for kind in CONTROLLERS},
        ("get", "apiextensions.k8s.io", "customresourcedefinitions"): "its client may read one",
        ("patch", "", "events"): "the same event again",
        ("patch", "events.k8s.io", "events"): "the same event again",
        ("create", "events.k8s.io", "events"): "a newer client of its",
        ("update", "platform.urumi.dev", "stores/finalizers"): "where OwnerReferencesPermissionEnforcement is on",
        **{
            (verb, "coordination.k8s.io", "leases"): "where there are two: tests/scaling"
            for verb in ("get", "create", "update")
        },
    },
    "api": {},
    "reaper": {("delete", "coordination.k8s.io", "leases"): "an idempotency key is a day old"},
    "controllers": {
        ("get", "platform.urumi.dev", "stores"): "a namespace has no store",
        ("update", "rbac.authorization.k8s.io", "clusterroles"): "an owner has one store more or less",
        **{
            (verb, "coordination.k8s.io", "leases"): "where there is a mail relay: tests/controllers"
            for verb in ("list", "create")
        },
        ("delete", "coordination.k8s.io", "leases"): "a mail was sent more than a day ago",
    },
}


@pytest.fixture(scope="module")
def plane(binary: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A platform in which a store had a complete life, through every interface."""
    home = tmp_path_factory.mktemp("controllers")
    with ControlPlane(users={**USERS, **REAPER_USER, **CONTROLLERS_USER}) as plane:
        settings = {
            "expiry": {"warningHours": 1, "graceHours": 0},
            "resyncSeconds": {"settled": 600, "changing": 1},
            "hostnames": {"verification": "dns", "resolvers": []},
        }
        with (
            Platform(plane, settings=settings) as platform,
            Gate(plane) as gate,
            Api(plane) as api,
            controllers(plane, home, NO_RESOLVER),
        ):
            live(platform, api, gate)
        yield plane


def live(platform: Platform, api: Api, gate: Gate) -> None:
    """Do everything with a store that an owner, an admin and time can."""
    ann, ada = api.caller("ann"), api.caller("ada")
    assert ann.create("life", backup={"schedule": "0 3 1 1 *"}).status_code == 202
    platform.await_phase("life", "Ready")
    for path in ("/stores", "/stores/life", "/stores/life/events", "/stores/life/pods", "/stores/life/credentials"):
        ann.get(path)
    keys = {"secretKey": "sk_test_4242", "publishableKey": "pk_test_4242", "webhookSecret": "whsec_4242"}
    asked = {"provider": "stripe", "fields": keys}
    assert ann("PUT", "/stores/life/integrations/payments", asked).status_code == 202
    assert ann("DELETE", "/stores/life/integrations/payments").status_code == 202
    pods = ann.get("/stores/life/pods")["items"]
    ann("GET", f"/stores/life/pods/{pods[0]['name']}/log")
    with ann("GET", "/changes", stream=True) as changes:
        next(changes.iter_lines())
    change = {"headers": {"If-Match": "*", "Content-Type": "application/merge-patch+json"}}
    patch = {"spec": {"plan": "medium", "hostname": "life.example.com", "backup": {"schedule": "0 4 1 1 *"}}}
    assert ann("PATCH", "/stores/life", patch, **change).status_code == 202
    platform.await_phase("life", "Ready")
    for action, phase in (("suspend", "Suspended"), ("resume", "Ready")):
        assert ann("POST", f"/stores/life/actions/{action}").status_code == 202
        platform.await_phase("life", phase)
    ada.get("/quotas")
    assert ada("PUT", "/quotas/ann@example.com", {"maxStores": 9}).status_code == 200
    assert ann("PATCH", "/stores/life", {"spec": {"backup": None}}, **change).status_code == 202
    wait_until(
        lambda: platform.client.find("batch/v1", "CronJob", "backup", "store-life") is None, "the CronJob is removed"
    )
    past = (datetime.now(UTC) - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    platform.client.patch({"apiVersion": API, "kind": "Store", "metadata": {"name": "life"}},
                          {"spec": {"expiresAt": past}})  # fmt: skip
    wait_until(lambda: platform.store("life")["status"].get("deletesAt"), "its end is reported")
    platform.await_phase("life", "Suspended")

    def reaped() -> bool:
        reap(platform.plane).check_returncode()
        return platform.client.find(API, "Store", "life") is None

    wait_until(reaped, "the reaper deletes it", 60)
    wait_until(lambda: gate.records(store="life", action="gone"), "the gate has recorded it")
    keyed(ann)
    assert ann("DELETE", "/stores/second", params={"confirm": "second"}).status_code == 202
    wait_until(lambda: platform.client.find(API, "Store", "second") is None, "the store is gone", 60)
    rbac, reader = "rbac.authorization.k8s.io/v1", PREFIX + quota_name("ann@example.com")
    wait_until(lambda: platform.client.find(rbac, "ClusterRole", reader) is None, "its owner's role is gone", 60)


def keyed(ann: ApiClient) -> None:
    """Create with an idempotency key: one that is refused, one that succeeds, and its repetition."""
    for body, code in ((("second", "none"), 422), (("second", "medusa"), 202), (("second", "medusa"), 202)):
        asked = {"name": body[0], "spec": {"engine": body[1]}}
        assert ann("POST", "/stores", asked, headers={"Idempotency-Key": "one"}).status_code == code
    taken = {"name": "dashboard", "spec": {"engine": "medusa"}}
    assert ann("POST", "/stores", taken, headers={"Idempotency-Key": "two"}).status_code == 422


def allowed(name: str) -> set[Call]:
    """Return what the roles bound to an account allow."""
    objects = shipped("rbac.yaml")
    namespace, account = ACCOUNTS[name].split(":")[-2:]
    bound = {
        (obj["roleRef"]["kind"], obj["roleRef"]["name"])
        for obj in objects
        if obj["kind"].endswith("Binding")
        for subject in obj["subjects"]
        if (subject["name"], subject.get("namespace")) == (account, namespace)
    }
    return {
        (verb, group, resource)
        for obj in objects
        if (obj["kind"], obj["metadata"]["name"]) in bound
        for rule in obj["rules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        if verb not in BY_POLICY
    }


def called(plane: ControlPlane, name: str) -> set[Call]:
    requests = [each for each in plane.audit.requests() if each.user == ACCOUNTS[name] and each.resource[:1] != "/"]
    return {(each.verb, each.group, each.resource) for each in requests}


def refused(plane: ControlPlane, name: str) -> list[str]:
    """Return what RBAC refused, in the API server's words."""
    events = map(json.loads, whole_lines(plane.audit.path))
    return [
        f"{event['verb']} {event['requestURI']}"
        for event in events
        if event["user"]["username"] == ACCOUNTS[name]
        and event.get("annotations", {}).get("authorization.k8s.io/decision") == "forbid"
    ]


@pytest.mark.parametrize("name", ACCOUNTS)
def test_no_call_of_the_account_is_refused(plane: ControlPlane, name: str) -> None:
    assert refused(plane, name) == []
    assert called(plane, name) != set()


@pytest.mark.parametrize("name", ACCOUNTS)
def test_the_account_has_no_unused_permission(plane: ControlPlane, name: str) -> None:
    if name == "metacontroller" and not find_metacontroller():
        pytest.skip("no metacontroller on PATH: what the stand-in asks for says nothing of it")
    never = allowed(name) - called(plane, name)
    unused = sorted(" ".join(call) for call in never - RARELY[name].keys())
    assert unused == [], "\n".join(unused)
    assert sorted(RARELY[name].keys() - allowed(name)) == []


def test_the_hooks_and_the_dashboard_have_no_permissions() -> None:
    subjects: list[Any] = [
        s for obj in shipped("rbac.yaml") if obj["kind"].endswith("Binding") for s in obj["subjects"]
    ]
    assert {s["name"] for s in subjects if s.get("namespace") == "store-platform"} == {"api", "controllers", "reaper"}
