"""Who may use which operation, on whose store. A route without a row here fails."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import requests

from storeplatform.api.__main__ import make_services
from storeplatform.api.app import make_app
from tests.cluster.controlplane import ControlPlane

from .server import Api, Caller, token_of

CALLERS = ("nobody", "stranger", "owner", "another", "support", "admin")


class Row(NamedTuple):
    """The status that each of ``CALLERS`` gets, about a store of the owner's; what they send."""

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

EXPECTED = {
    "GET /stores": Row(*ALL),
    "POST /stores": Row(401, 403, 202, 202, 403, 202, {"name": "NEW", "spec": {"engine": "medusa"}}),
    "GET /stores/<name>": Row(*READ),
    "PATCH /stores/<name>": Row(*CHANGE, {"spec": {"plan": "medium"}}, headers={"If-Match": "*"}),
    "DELETE /stores/<name>": Row(*CHANGE, query="?confirm=STORE"),
    "POST /stores/<name>/actions/suspend": Row(*CHANGE),
    "POST /stores/<name>/actions/resume": Row(*CHANGE),
    "POST /stores/<name>/actions/restart": Row(*CHANGE),
    "POST /stores/<name>/actions/extend": Row(*CHANGE, {"expiresAt": None}),
    "POST /stores/<name>/actions/restore": Row(*CHANGE, {"backup": "latest"}),
    "GET /stores/<name>/events": Row(*READ),
    "GET /stores/<name>/pods": Row(*READ),
    "GET /stores/<name>/pods/<pod>/log": Row(*READ),
    "GET /stores/<name>/credentials": Row(401, 403, 200, 404, 403, 200),
    "GET /changes": Row(*ALL),
    "GET /engines": Row(*ALL),
    "GET /plans": Row(*ALL),
    "GET /me": Row(*ALL),
    "GET /quota": Row(*READ, query="?owner=ann@example.com"),
    "GET /quotas": Row(*ADMIN),
    "PUT /quotas/<owner>": Row(*ADMIN, {"maxStores": 100}),
    "GET /audit": Row(*ALL),
    "GET /audit.csv": Row(*ALL),
}


# What needs no token. Metrics have a port of their own.
PUBLIC = {"GET /healthz", "GET /readyz", "GET /api/v1/openapi.json", "GET /api/v1/docs", "GET /api/v1/docs.css"}


def test_every_address_has_its_row_or_is_public(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in api.environment().items():
        monkeypatch.setenv(name, value)
    services = make_services()
    rules = make_app(services).url_map.iter_rules()
    services.close()
    addresses = {f"{method} {rule.rule}" for rule in rules for method in rule.methods or () if method != "HEAD"}
    rows = {each.replace(" ", " /api/v1", 1) for each in EXPECTED}
    assert addresses == rows | PUBLIC


@pytest.mark.parametrize("address", sorted(PUBLIC))
def test_a_public_address_answers_without_a_token(api: Api, address: str) -> None:
    assert requests.get(api.url + address.split()[1], timeout=10).status_code == 200


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("operation", EXPECTED)
def test_a_caller_gets_what_their_role_and_the_owner_allow(
    plane: ControlPlane, api: Api, operation: str, caller: str
) -> None:
    row, number = EXPECTED[operation], list(EXPECTED).index(operation)
    name = f"row-{number}-{caller}"
    if "<name>" in operation:
        assert api.caller("ann").create(name).status_code == 202
        with_what_runs(plane, name)
    method, path = operation.split()
    path = path.replace("<name>", name).replace("<pod>", "pod").replace("<owner>", "ann@example.com")
    body = {**row.body, "name": name} if row.body and "name" in row.body else row.body
    answer = who(api, plane, caller)(
        method, path + row.query.replace("STORE", name), body, headers=row.headers, stream=True
    )
    assert answer.status_code == getattr(row, caller), answer.text
    answer.close()


def who(api: Api, plane: ControlPlane, caller: str) -> Caller:
    users = {"owner": "ann", "another": "ben", "support": "sue", "admin": "ada", "stranger": "stranger"}
    return Caller(api.url, token_of(plane, users[caller]) if caller in users else None)


def with_what_runs(plane: ControlPlane, name: str) -> None:
    """A pod and the passwords of a store, as the platform would make them."""
    namespace = f"store-{name}"
    plane.client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    plane.client.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "credentials", "namespace": namespace},
            "stringData": {"admin-password": "s3cret"},
        }
    )
    plane.client.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "pod", "namespace": namespace},
            "spec": {"nodeName": "node-0", "containers": [{"name": "c", "image": "i"}]},
        }
    )
