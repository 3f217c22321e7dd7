"""Generated requests: no request crashes the hooks, or adds objects that no template names."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import yaml
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from storeplatform.hooks import app as shell
from storeplatform.hooks.core import Store, render
from storeplatform.hooks.core.objects import LAST_APPLIED
from storeplatform.hooks.settings import Settings

from .test_app import HEADERS, TOKEN
from .world import World, store

HOSTILE = [
    "",
    "x\n---\nkind: Secret",
    "{{ store.uid }}",
    "{% for i in range(9) %}",
    '"}, {"kind": "Pod"',
    "!!python/object/apply:os.system [id]",
    "yes",
    "1e3",
    "null",
    "\u0000\u001b[31m",
    "\U0001f4a5 \u202e",
    "$(DATABASE_PASSWORD)",
    "a" * 5000,
]
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(HOSTILE)
    | st.text()
)
junk = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=6
)
FIELDS = [
    "engine",
    "owner",
    "version",
    "plan",
    "hostname",
    "adminEmail",
    "storage",
    "shop",
    "storefront",
    "suspended",
    "metadata",
]
SHOP = (("country", "DE"), ("currency", "EUR"), ("title", "s"))
specs = st.dictionaries(st.sampled_from(FIELDS), junk)


@pytest.fixture(scope="module")
def client(settings: Settings) -> FlaskClient:
    return shell.make_app(settings, TOKEN).test_client()


@pytest.fixture(scope="module")
def settled(settings: Settings) -> Callable[[], dict[str, Any]]:
    """A function that returns the request of a Ready store with every object that a template names, and every secret in
    it.

    A function, because hypothesis prints a test's arguments, and can't print ones of that size.
    """
    world = World(settings, store(backup={"schedule": "0 3 * * *"}))
    world.settle()
    body = world.body()

    def request() -> dict[str, Any]:
        content: dict[str, Any] = json.loads(body)
        return content

    return request


def secrets_of(content: dict[str, Any]) -> list[str]:
    return list(content["children"]["Secret.v1"]["store-demo/credentials"]["data"].values())


def send(client: FlaskClient, content: Any) -> Any:
    return client.post("/sync", data=json.dumps(content), headers=HEADERS)


many = examples(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@many
@given(body=st.binary() | junk.map(lambda value: json.dumps(value).encode()))
def test_no_body_causes_a_server_error(client: FlaskClient, body: bytes) -> None:
    assert client.post("/sync", data=body, headers=HEADERS).status_code == 400


@many
@given(spec=specs | junk)
def test_no_spec_causes_a_server_error_or_an_object_without_a_template(
    client: FlaskClient, settled: Callable[[], dict[str, Any]], spec: Any
) -> None:
    content = settled()
    if isinstance(spec, dict):
        spec = {**content["parent"]["spec"], **spec}
    content["parent"]["spec"] = spec
    response = send(client, content)
    assert response.status_code == 200
    known = {(kind, name) for kind, group in settled()["children"].items() for name in group}
    made = {
        (f"{child['kind']}.{child['apiVersion']}", "/".join(filter(None, [place.get("namespace"), place["name"]])))
        for child in response.json["children"]
        for place in [child["metadata"]]
    }
    renamed = ("Job.batch/v1", "Hostname.platform.urumi.dev/v1alpha1")  # the spec is in their names
    assert {name for name in made - known if name[0] not in renamed} == set()


@many
@given(
    value=st.sampled_from(HOSTILE) | st.text(),
    field=st.sampled_from(["owner", "hostname", "admin_email", "restore", "title"]),
    engine=st.sampled_from(["medusa", "woocommerce"]),
)
def test_a_hostile_string_stays_one_string(settings: Settings, value: str, field: str, engine: str) -> None:
    version = settings.engines[engine].versions[0]
    plain = Store("s", "0", "o", engine, version, "small", "s.test", "a@s.test", 1, 1, True, SHOP, "x", "y")
    changed = {"shop_items": (*SHOP, ("title", value))} if field == "title" else {field: value or "-"}
    bodies = [
        [manifest.body for stage in render(settings, one) for manifest in stage.manifests]
        for one in (plain, replace(plain, **changed))
    ]
    assert shape(bodies[1]) == shape(bodies[0])


@many
@given(data=st.data())
def test_observed_children_cause_no_server_error_except_the_guards(
    client: FlaskClient, settled: Callable[[], dict[str, Any]], data: st.DataObject
) -> None:
    content = settled()
    group = data.draw(st.sampled_from(sorted(content["children"])))
    name = data.draw(st.sampled_from(sorted(content["children"][group])))
    child = content["children"][group][name]
    where = data.draw(st.sampled_from(["status", "spec", "metadata", "annotation", "itself", "parent status"]))
    value = data.draw(junk)
    if where == "itself":
        content["children"][group][name] = value
    elif where == "annotation":
        child["metadata"]["annotations"][LAST_APPLIED] = value
    elif where == "metadata":
        child["metadata"] = {**child["metadata"], **(value if isinstance(value, dict) else {"labels": value})}
    elif where == "parent status":
        content["parent"]["status"] = value
    else:
        child[where] = value
    response = send(client, content)
    assert response.status_code in (200, 400)
    conditions = response.json["status"]["conditions"] if response.status_code == 200 else []
    failed = [c for c in conditions if c["type"] == "Reconciled"]
    assert {c["reason"] for c in failed} <= {"Guard"}
    if response.status_code != 200 or failed:
        assert not any(secret in response.text for secret in secrets_of(settled()))


@many
@given(spec=specs)
def test_no_secret_is_echoed_in_a_status(client: FlaskClient, settled: Callable[[], dict[str, Any]], spec: Any) -> None:
    content = settled()
    content["parent"]["spec"] = {**content["parent"]["spec"], **spec}
    status = yaml.safe_dump(send(client, content).json["status"])
    assert not any(secret in status for secret in secrets_of(settled()))


def shape(value: Any) -> Any:
    """Return the fields and types of a value, without its strings' content."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value)
