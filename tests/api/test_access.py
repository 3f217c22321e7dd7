"""Who may use which operation, on whose store. A route without a row here fails."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import requests

from storeplatform.api.app import make_app
from storeplatform.api.services import make_services
from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import wait_until
from tests.stores.platform import API

from .server import USERS, Api, ApiClient, token_of

CALLERS = ("nobody", "stranger", "owner", "another", "support", "admin")


class Row(NamedTuple):
    """The expected status for each of ``CALLERS`` on a store of the owner's, and what they send."""

    nobody: int
    stranger: int
    owner: int
    another: int
    support: int
    admin: int
    body: Any = None
    query: str = ""
    headers: dict[str, str] = {}  # noqa: RUF012 (never changed)


ALL = (401, 403, 200, 200, 200, 200)
READ = (401, 403, 200, 404, 200, 200)
CHANGE = (401, 403, 202, 404, 403, 202)
ADMIN = (401, 403, 403, 403, 403, 200)

KEYS = {"secretKey": "sk_test_1234", "publishableKey": "pk_test_1234", "webhookSecret": "whsec_1234"}
STRIPE = {"provider": "stripe", "fields": KEYS}

EXPECTED = {
    "GET /stores": Row(*ALL),
    "POST /stores": Row(401, 403, 202, 202, 403, 202, {"name": "NEW", "spec": {"engine": "medusa"}}),
    "GET /stores/<name>": Row(*READ),
    "PATCH /stores/<name>": Row(*CHANGE, {"spec": {"plan": "medium"}}, headers={"If-Match": "*"}),
    "DELETE /stores/<name>": Row(*CHANGE, query="?confirm=STORE"),
    "POST /stores/<name>/actions/suspend": Row(*CHANGE),
    "POST /stores/<name>/actions/resume": Row(*CHANGE),
    "POST /stores/<name>/actions/restart": Row(*CHANGE),
    "POST /stores/<name>/actions/backup": Row(*CHANGE),
    "POST /stores/<name>/actions/extend": Row(*CHANGE, {"expiresAt": None}),
    "POST /stores/<name>/actions/restore": Row(*CHANGE, {"backup": "snapshot/closed"}),
    "GET /stores/<name>/events": Row(*READ),
    "GET /stores/<name>/pods": Row(*READ),
    "GET /stores/<name>/pods/<pod>/log": Row(*READ),
    "GET /stores/<name>/credentials": Row(401, 403, 200, 404, 403, 200),
    "GET /stores/<name>/integrations": Row(*READ),
    "GET /stores/<name>/integrations/<integration>": Row(*READ),
    "PUT /stores/<name>/integrations/<integration>": Row(*CHANGE, STRIPE),
    "DELETE /stores/<name>/integrations/<integration>": Row(*CHANGE),
    "GET /changes": Row(*ALL),
    "GET /engines": Row(*ALL),
    "GET /plans": Row(*ALL),
    "GET /me": Row(*ALL),
    "GET /quota": Row(*READ, query="?owner=ann@example.com"),
    "GET /quotas": Row(*ADMIN),
    "PUT /quotas/<path:owner>": Row(*ADMIN, {"maxStores": 100}),
    "GET /audit": Row(*ALL),
    "GET /audit.csv": Row(*ALL),
}


# What needs no token. Metrics have their own port.
PUBLIC = {"GET /healthz", "GET /readyz", "GET /api/v1/openapi.json", "GET /api/v1/docs", "GET /api/v1/docs.css"}


def test_every_route_is_in_the_table_or_public(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in api.environment().items():
        monkeypatch.setenv(name, value)
    services = make_services()
    rules = make_app(services).url_map.iter_rules()
    services.close()
    addresses = {f"{method} {rule.rule}" for rule in rules for method in rule.methods or () if method != "HEAD"}
    rows = {each.replace(" ", " /api/v1", 1) for each in EXPECTED}
    assert addresses == rows | PUBLIC


@pytest.mark.parametrize("address", sorted(PUBLIC))
def test_a_public_route_needs_no_token(api: Api, address: str) -> None:
    assert requests.get(api.url + address.split()[1], timeout=10).status_code == 200


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("operation", EXPECTED)
def test_a_caller_may_do_what_their_role_and_the_owner_allow(
    plane: ControlPlane, api: Api, operation: str, caller: str
) -> None:
    row, number = EXPECTED[operation], list(EXPECTED).index(operation)
    name = f"row-{number}-{caller}"
    if "<name>" in operation:
        assert api.caller("ann").create(name, backup={"schedule": "0 3 * * *"}).status_code == 202
        with_what_runs(plane, name)
    method, path = operation.split()
    path = path.replace("<name>", name).replace("<pod>", "pod").replace("<path:owner>", "ann@example.com")
    path = path.replace("<integration>", "payments")
    body = {**row.body, "name": name} if row.body and "name" in row.body else row.body
    answer = who(api, plane, caller)(
        method, path + row.query.replace("STORE", name), body, headers=row.headers, stream=True
    )
    assert answer.status_code == getattr(row, caller), answer.text
    answer.close()


def who(api: Api, plane: ControlPlane, caller: str) -> ApiClient:
    users = {"owner": "ann", "another": "ben", "support": "sue", "admin": "ada", "stranger": "stranger"}
    return ApiClient(api.url, token_of(plane, users[caller]) if caller in users else None)


def with_what_runs(plane: ControlPlane, name: str, owned: bool = True) -> None:
    """Create a pod and the passwords of a store, as the platform would; or those of another team with that store's
    name.
    """
    namespace = f"store-{name}"
    store = plane.client.get(API, "Store", name)
    controller = {"apiVersion": API, "kind": "Store", "name": name, "uid": store["metadata"]["uid"], "controller": True}
    metadata = {"name": namespace, "ownerReferences": [controller] if owned else []}
    plane.client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    plane.client.apply(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "intent-api", "namespace": namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "store-inside"},
            "subjects": [{"kind": "ServiceAccount", "name": "api", "namespace": "store-platform"}],
        }
    )
    plane.client.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "credentials", "namespace": namespace},
            "stringData": {"admin-password": "s3cret"},
        }
    )
    account = {"user": USERS["api"].username, "groups": list(USERS["api"].groups)}
    asked = {"verb": "list", "resource": "pods", "namespace": namespace}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"}
    review["spec"] = {**account, "resourceAttributes": asked}  # type: ignore[assignment]
    reviews = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    wait_until(lambda: plane.client.request("POST", reviews, review)["status"]["allowed"], "the role holds")
    metadata = {"name": "integration-payments", "namespace": namespace, "ownerReferences": [controller]}
    plane.client.apply(
        {"apiVersion": "v1", "kind": "Secret", "metadata": metadata if owned else {**metadata, "ownerReferences": []}}
    )
    plane.client.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "pod", "namespace": namespace},
            "spec": {"nodeName": "node-0", "containers": [{"name": "c", "image": "i"}]},
        }
    )


# Stores in other states than open: what the owner gets, and what the previous owner of the name (ben) gets. The default
# is the same as for an open store.
INSIDE = "GET /stores/<name>/pods/<pod>/log", "GET /stores/<name>/credentials"
STATES: dict[str, dict[str, tuple[int, int]]] = {
    # Its namespace belonged to another team before: nothing of it may be shown.
    "taken": {
        "GET /stores/<name>": (200, 404),
        "GET /stores/<name>/pods": (200, 404),
        "GET /stores/<name>/events": (200, 404),
        **dict(zip(INSIDE, [(404, 404), (409, 404)], strict=True)),
        "PUT /stores/<name>/integrations/<integration>": (409, 404),
        "DELETE /stores/<name>/integrations/<integration>": (409, 404),
    },
    "terminating": {
        "GET /stores/<name>": (200, 404),
        "GET /stores/<name>/pods": (200, 404),
        "GET /stores/<name>/events": (200, 404),
        **dict(zip(INSIDE, [(200, 404), (200, 404)], strict=True)),
        "PUT /stores/<name>/integrations/<integration>": (409, 404),
        "DELETE /stores/<name>": (202, 404),
    },
    # Ben had a store of that name, which was deleted: now it is ann's.
    "reused": {
        "GET /stores/<name>": (200, 404),
        "PATCH /stores/<name>": (202, 404),
        "GET /stores/<name>/pods": (200, 404),
        "GET /stores/<name>/events": (200, 404),
        **dict(zip(INSIDE, [(200, 404), (200, 404)], strict=True)),
        "PUT /stores/<name>/integrations/<integration>": (202, 404),
        "POST /stores/<name>/actions/suspend": (202, 404),
        "DELETE /stores/<name>": (202, 404),
    },
}
CELLS = [(state, operation) for state, table in STATES.items() for operation in table]


@pytest.mark.parametrize(("state", "operation"), CELLS, ids=["/".join(cell) for cell in CELLS])
def test_in_every_state_a_caller_reaches_only_their_own_stores(
    plane: ControlPlane, api: Api, state: str, operation: str
) -> None:
    name = f"{state}-{list(STATES[state]).index(operation)}"
    held = {"apiVersion": API, "kind": "Store", "metadata": {"name": name}}
    if state == "reused":
        assert api.caller("ben").create(name).status_code == 202
        assert api.caller("ben")("DELETE", f"/stores/{name}?confirm={name}").status_code == 202
        wait_until(lambda: api.caller("ann").create(name).status_code == 202, "the name is free")
    else:
        assert api.caller("ann").create(name).status_code == 202
    with_what_runs(plane, name, owned=state != "taken")
    if state == "terminating":
        plane.client.patch(held, {"metadata": {"finalizers": ["example.com/held"]}})
        plane.client.delete(held)
    row, (method, path) = EXPECTED[operation], operation.split()
    path = path.replace("<name>", name).replace("<pod>", "pod").replace("<integration>", "payments")
    for caller, expected in zip(("ann", "ben"), STATES[state][operation], strict=True):
        query = row.query.replace("STORE", name)
        answer = api.caller(caller)(method, path + query, row.body, headers=row.headers)
        assert answer.status_code == expected, answer.text
        assert state != "taken" or "s3cret" not in answer.text
    if state == "terminating":
        plane.client.patch(held, {"metadata": {"finalizers": None}})
