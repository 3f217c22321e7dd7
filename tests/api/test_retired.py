"""A retired version: not offered by the API, but kept by the stores that have it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.controlplane import ControlPlane

from .server import Api, ApiClient

OLD, NEW = "2.20.1", "2.21.2"
EVERY = {"If-Match": "*"}


@pytest.fixture(scope="module")
def old(plane: ControlPlane) -> None:
    """A store whose spec named the version before it was retired."""
    with Api(plane) as api:
        assert api.caller("ann").create("old-shop", version=OLD).status_code == 202


@pytest.fixture(scope="module")
def api(plane: ControlPlane, old: None) -> Iterator[Api]:
    with Api(plane, hooks_settings={"retiredVersions": {"medusa": [OLD]}}) as api:
        yield api


def test_the_engines_list_includes_it_as_retired(ann: ApiClient) -> None:
    (medusa,) = [each for each in ann.get("/engines")["items"] if each["name"] == "medusa"]
    assert (medusa["versions"], medusa["retired"]) == ([NEW], [OLD])


def test_a_stores_conditions_have_labels_in_both_languages(ann: ApiClient) -> None:
    words = {each["name"]: each["words"] for each in ann.get("/engines")["items"]}
    assert words["woocommerce"]["en"]["CronScheduled"] == "Regular work"
    assert words["woocommerce"]["de"]["CronScheduled"] == "Regelmäßige Arbeiten"
    assert words["medusa"]["de"]["StorefrontReady"] == "Verkaufsseiten"


def test_no_store_can_be_created_with_it(ann: ApiClient) -> None:
    refused = ann.create("new-shop", version=OLD)
    assert refused.status_code == 422
    (error,) = refused.json()["errors"]
    assert error["pointer"] == "/spec/version"
    assert f"must be one of: {NEW}" in error.values()


def test_other_fields_of_a_store_that_names_it_can_be_changed(ann: ApiClient) -> None:
    changed = ann("PATCH", "/stores/old-shop", {"spec": {"plan": "medium"}}, headers=EVERY)
    assert changed.status_code in (200, 202), changed.text
    assert ann.get("/stores/old-shop")["spec"]["version"] == OLD


def test_a_store_that_left_it_can_not_go_back(ann: ApiClient) -> None:
    assert ann("PATCH", "/stores/old-shop", {"spec": {"version": NEW}}, headers=EVERY).status_code == 202
    refused = ann("PATCH", "/stores/old-shop", {"spec": {"version": OLD}}, headers=EVERY)
    assert refused.status_code == 422
