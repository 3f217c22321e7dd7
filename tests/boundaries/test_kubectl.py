"""Who may do what with whose Store, on the real API server: every caller with every operation.

What is not in the tables is refused (403).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from storeplatform.api.controllers.readers import roles_of
from storeplatform.api.storequotas import quota_name
from tests.cluster.controlplane import ControlPlane
from tests.cluster.credentials import METACONTROLLER_ACCOUNT, User
from tests.cluster.fixtures import binary
from tests.cluster.waiting import wait_until
from tests.stores.gate import API_USER, Gate
from tests.stores.platform import API

from .operations import OPERATIONS, Actor, store

__all__ = ["binary"]

EVERYBODY, OWNERS = ("system:authenticated",), ("store-platform:owners", "system:authenticated")
ACCOUNTS = ("system:serviceaccounts", "system:authenticated")
ANN = "ann@example.com"
USERS = {
    **API_USER,
    "stranger": User("eve", EVERYBODY),
    "team": User("system:serviceaccount:warehouse:robot", ACCOUNTS),
    "support": User("sue", ("store-platform:support", *EVERYBODY)),
    "another": User("bob", OWNERS),
    "owner": User(ANN, OWNERS),
    "admin-group": User("pat", ("store-platform:admins", *EVERYBODY)),
    "controllers": User("system:serviceaccount:store-platform:controllers", ACCOUNTS),
    "reaper": User("system:serviceaccount:store-platform:reaper", ACCOUNTS),
}
ACTORS = ("anonymous", *USERS, "metacontroller")
REFUSED = 403

OWNER, ADMIN, API_, CONTROLLER, CONTROLLERS, REAPER = (
    "owner",
    "admin-group",
    "api",
    "metacontroller",
    "controllers",
    "reaper",
)


def ok(*actors: str, code: int = 200) -> dict[str, int]:
    """These return that code."""
    return dict.fromkeys(actors, code)


MAKERS, KEEPERS, READERS = (OWNER, ADMIN, API_), (OWNER, ADMIN, API_, REAPER), (ADMIN, API_, CONTROLLER, CONTROLLERS)
ANY_MAKER = ("another", *MAKERS)

# What two policies refuse returns the code of either, because the API server evaluates them in no fixed order.
BY_TWO = {
    "another": {
        "create a reserved name",
        "create with another store's host",
        "create with the dashboard's host",
        "change the host to another store's",
    },
    CONTROLLER: {"change the host to another store's"},
}

# The result of each operation on ann's open store, by caller.
LIVING: dict[str, dict[str, int]] = {
    "get": ok(OWNER, *READERS),
    "list": ok(*READERS, REAPER),
    "list one": ok(OWNER, *READERS, REAPER),
    "watch": ok(*READERS),
    "watch one": ok(*READERS),
    "create for the owner": ok(*MAKERS, code=201),
    "create for oneself": ok(*ANY_MAKER, code=201),
    "create with a generated name": ok(*MAKERS, code=201),
    "create, dry run": ok(*MAKERS, code=201),
    "create a name that is there": ok(*MAKERS, code=409),
    "create a reserved name": ok(*MAKERS, code=422),
    "create a name whose namespace is another's": ok(*MAKERS, code=422),
    "create with a finalizer": ok(ADMIN, API_, code=201),
    "create with an owner reference": ok(ADMIN, API_, code=201),
    "create with a platform label": ok(ADMIN, API_, code=201),
    "create with a platform annotation": ok(ADMIN, API_, code=201),
    "create with a label of one's own": ok(*MAKERS, code=201),
    "create with its own host": ok(*MAKERS, code=201),
    "create with another store's host": ok(*MAKERS, code=422),
    "create with the dashboard's host": ok(*MAKERS, code=422),
    "change the spec": ok(*MAKERS),
    "patch the spec": ok(OWNER, ADMIN),
    "apply the spec": ok(OWNER, ADMIN),
    "change the owner": ok("another", *MAKERS, CONTROLLER, code=422),
    "change the host to another store's": ok(*MAKERS, code=422),
    "change the status": ok(CONTROLLER),
    "patch the status": {},
    "change finalizers": ok(ADMIN, API_, CONTROLLER),
    "add the finalizer orphan": {},
    "change owner references": ok(ADMIN, API_, CONTROLLER),
    "change a label": ok(*MAKERS, CONTROLLER),
    "change a platform label": ok(ADMIN, API_, CONTROLLER),
    "change an annotation": ok(*MAKERS, CONTROLLER),
    "change a platform annotation": ok(ADMIN, API_, CONTROLLER),
    "say who asked": ok(API_),
    "delete": ok(*KEEPERS),
    "delete in the foreground": ok(*KEEPERS),
    "delete, dry run": ok(*KEEPERS),
    "orphan": {},
    "orphan by the old option": {},
    "orphan, dry run": {},
    "delete many": {},
}

# While it is being deleted: nobody can prevent that.
TERMINATING: dict[str, dict[str, int]] = {
    "change finalizers": ok("another", *MAKERS, CONTROLLER, code=422),
    "add the finalizer orphan": ok("another", *MAKERS, CONTROLLER, code=422),
    "change owner references": ok(ADMIN, API_, CONTROLLER),
    "change a platform label": ok(ADMIN, API_, CONTROLLER),
    "change the owner": ok("another", *MAKERS, CONTROLLER, code=422),
    "create a name that is there": ok(*MAKERS, code=409),
    "delete": ok(*KEEPERS),
    "orphan": {},
    "delete many": {},
}

# Once the name belongs to another owner, ann has no rights on it, and her role does not allow reading it.
REUSED: dict[str, dict[str, int]] = {
    "get": ok("another", *READERS),
    "list one": ok("another", *READERS, REAPER),
    "change the spec": ok("another", ADMIN, API_),
    "patch the spec": ok("another", ADMIN),
    "change a label": ok("another", ADMIN, API_, CONTROLLER),
    "delete": ok("another", ADMIN, API_, REAPER),
    "orphan": {},
}
STATES = {"living": LIVING, "terminating": TERMINATING, "reused": REUSED}
CELLS = [(state, operation, actor) for state, table in STATES.items() for operation in table for actor in ACTORS]
numbers = itertools.count()


@pytest.fixture(scope="module")
def plane(binary: object) -> Iterator[ControlPlane]:
    with ControlPlane(users=USERS) as plane:
        yield plane


@pytest.fixture(scope="module")
def gate(plane: ControlPlane) -> Iterator[Gate]:
    with Gate(plane) as gate:
        for owner in (ANN, "bob", "pat", API_USER["api"].username):
            limit = {"owner": owner, "maxStores": 100_000}
            metadata = {"name": quota_name(owner)}
            gate.client.apply({"apiVersion": API, "kind": "StoreQuota", "metadata": metadata, "spec": limit})
        limit = {"metadata": {"name": "global"}, "spec": {"maxStores": 100_000}}
        gate.client.apply({"apiVersion": API, "kind": "StoreQuota", **limit})
        gate.client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "store-warehouse"}})
        ann = actor(plane, "owner")
        probe = OPERATIONS["create, dry run"]
        wait_until(lambda: probe(ann, store("probe", ANN)) == 201, "owners may make stores")
        reserved = OPERATIONS["create a reserved name"]
        wait_until(lambda: reserved(ann, store("probe", ANN)) == 422, "the policies hold")
        yield gate


def actor(plane: ControlPlane, name: str) -> Actor:
    config = yaml.safe_load(plane.kubeconfig("admin" if name == "anonymous" else name).read_text())
    cluster = config["clusters"][0]["cluster"]
    token = "" if name == "anonymous" else config["users"][0]["user"]["token"]
    user = USERS[name].username if name in USERS else METACONTROLLER_ACCOUNT if name == CONTROLLER else name
    return Actor(user, cluster["server"], cluster["certificate-authority"], token)


def readable(gate: Gate, name: str, owner: str) -> None:
    """Let the owner read it, as the platform's controllers do."""
    for _, (role, binding) in roles_of([(owner, name)]):
        gate.client.apply(role)
        gate.client.apply(binding)


def in_state(gate: Gate, state: str) -> Any:
    """A Store of ann's in that state; if its name is reused, it is bob's by now."""
    name = f"cell-{next(numbers)}"
    if state == "terminating":
        made = gate.client.create(store(name, ANN, {"finalizers": ["metacontroller.io/held"]}))
        gate.client.delete(made)
    elif state == "reused":
        gate.client.create(store(name, ANN))
        gate.client.delete(store(name, ANN))
        wait_until(lambda: gate.client.find(API, "Store", name) is None, "it is gone")
        gate.client.create(store(name, "bob"))
    else:
        gate.client.create(store(name, ANN))
    return gate.client.get(API, "Store", name)


@pytest.mark.parametrize(("state", "operation", "who"), CELLS, ids=["/".join(cell) for cell in CELLS])
def test_each_operation_has_the_result_in_the_table(gate: Gate, state: str, operation: str, who: str) -> None:
    there, expected = in_state(gate, state), STATES[state][operation].get(who, REFUSED)
    ask, caller, owner = OPERATIONS[operation], actor(gate.plane, who), there["spec"]["owner"]
    if expected == 200 and caller.name == owner and operation in ("get", "list one", "watch one"):
        readable(gate, there["metadata"]["name"], owner)
        wait_until(lambda: ask(caller, there) == 200, "the role holds")
    codes = {REFUSED, 422} if operation in BY_TWO.get(who, set()) else {expected}
    assert ask(caller, there) in codes


def test_every_operation_is_in_the_table() -> None:
    assert set(LIVING) == set(OPERATIONS)
