"""The Store's schema on the real API server: what it rejects, with which message, and what it documents."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.client import ApiError, Client
from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import wait_until

from .platform import API, shipped


@pytest.fixture(scope="module")
def stores(plane: ControlPlane) -> Client:
    """An API server with the Store's CRD; nothing acts on Stores."""
    for obj in shipped("crd.yaml"):
        plane.client.apply(obj)
    wait_until(lambda: plane.client.list_all(API, "Store") == [], "Stores are served")
    return plane.client


def store(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": API,
        "kind": "Store",
        "metadata": {"name": name},
        "spec": {"engine": "medusa", "owner": "ann", **spec},
    }


REFUSED = [
    ({"owner": None}, "spec.owner: Required value"),
    ({"engine": None}, "spec.engine: Required value"),
    ({"engine": "Medusa!"}, "spec.engine in body should match"),
    ({"owner": "ann\n"}, "spec.owner in body should match"),
    ({"owner": " ann"}, "spec.owner in body should match"),
    ({"owner": "a\x1bb"}, "spec.owner in body should match"),
    ({"plan": "small\n"}, "spec.plan in body should match"),
    ({"version": "2.0\t"}, "spec.version in body should match"),
    ({"adminEmail": "ann"}, "spec.adminEmail in body should match"),
    ({"adminEmail": "ann@example.com\n"}, "spec.adminEmail in body should match"),
    ({"adminEmail": "$(DATABASE_PASSWORD)@example.com"}, "spec.adminEmail in body should match"),
    ({"hostname": "localhost"}, "a hostname must be a full domain name in lowercase letters"),
    ({"hostname": "shop.example.com:80"}, "a hostname must be a full domain name in lowercase letters"),
    ({"hostname": "shop.example.com\n"}, "a hostname must be a full domain name in lowercase letters"),
    ({"hostname": "10.0.0.1"}, "a hostname must be a full domain name in lowercase letters"),
    ({"hostname": "-a.example.com"}, "a hostname must be a full domain name in lowercase letters"),
    ({"storage": "20"}, "spec.storage in body should match"),
    ({"storage": "0Gi"}, "spec.storage in body should match"),
    ({"shop": {"title": " "}}, "spec.shop.title in body should match"),
    ({"shop": {"title": "Ann's\nshop"}}, "spec.shop.title in body should match"),
    ({"shop": {"currency": "XYZ"}}, 'spec.shop.currency: Unsupported value: "XYZ": supported values: "AED"'),
    ({"shop": {"country": "ZZ"}}, 'spec.shop.country: Unsupported value: "ZZ": supported values: "AD"'),
    (
        {"shop": {"priceFormat": "1,5 €"}},
        'spec.shop.priceFormat: Unsupported value: "1,5 €": supported values: "¤1,234.56"',
    ),
    ({"backup": {"schedule": "60 3 * * *"}}, "the minute of a schedule, its field 1, must be"),
    ({"backup": {"schedule": "0 25 * * *"}}, "the hour of a schedule, its field 2, must be"),
    ({"backup": {"schedule": "0 3 * * 7"}}, "the day of the week of a schedule, its field 5, must be"),
    ({"backup": {"schedule": "0 3 31-1 * *"}}, "a range in a schedule must begin with its lower end"),
    ({"backup": {"schedule": "TZ=UTC 0 3 * * *"}}, "spec.backup.schedule in body should match"),
    ({"backup": {"schedule": "*-TZ 3 * * *"}}, "it must not name a time zone"),
    ({"backup": {"schedule": "0 3 , * *"}}, "each field of a schedule must have a value"),
    ({"backup": {"schedule": "0 3 30,31 feb *"}}, "the schedule's day exists in none of its months"),
    ({"backup": {"schedule": "0 3 31 2,4,11 ?"}}, "the schedule's day exists in none of its months"),
    ({"expiresAt": "0000-12-31T23:59:59Z"}, "spec.expiresAt"),
    ({"expiresAt": "2030-02-30T00:00:00Z"}, "spec.expiresAt"),
    ({"expiresAt": "2030-01-01T00:00:00+24:00"}, "spec.expiresAt in body should match"),
    ({"expiresAt": "2030-01-01t00:00:00z"}, "spec.expiresAt in body should match"),
    ({"backup": {"schedule": "0 3 * * *", "requestedAt": "now"}}, "spec.backup.requestedAt"),
    ({"restoreFrom": {"backup": "yesterday"}}, "spec.restoreFrom.backup in body should match"),
    ({"restoreFrom": {"backup": "snapshot/../x"}}, "spec.restoreFrom.backup in body should match"),
    ({"storefront": {"replicas": 0}}, "spec.storefront.replicas"),
    ({"storefront": {"replicas": 21}}, "spec.storefront.replicas"),
]


@pytest.mark.parametrize(("spec", "message"), REFUSED, ids=[str(spec) for spec, _ in REFUSED])
def test_an_invalid_spec_is_rejected_with_what_must_hold(stores: Client, spec: dict[str, Any], message: str) -> None:
    with pytest.raises(ApiError) as error:
        stores.create(store("wrong", **spec), dryRun="All")
    assert message in error.value.message


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a" * 41, "a store's name must have at most 40 characters: choose a shorter one"),
        ("shop.one", "a store's name must be a DNS label"),
    ],
)
def test_an_invalid_name_is_rejected_with_what_must_hold(stores: Client, name: str, message: str) -> None:
    with pytest.raises(ApiError) as error:
        stores.create(store(name), dryRun="All")
    assert message in error.value.message


def test_a_name_of_40_characters_is_accepted(stores: Client) -> None:
    assert stores.create(store("a" * 40), dryRun="All")["spec"]["plan"] == "small"


def test_the_default_shop_sells_in_euros_to_germany(stores: Client) -> None:
    assert stores.create(store("plain"), dryRun="All")["spec"]["shop"] == {"country": "DE", "currency": "EUR"}
    shop = {"title": "Käse & Brot", "currency": "CHF", "country": "CH"}
    assert stores.create(store("swiss", shop=shop), dryRun="All")["spec"]["shop"] == shop


def test_the_owner_can_not_change(stores: Client) -> None:
    stores.apply(store("owned"))
    with pytest.raises(ApiError, match="the owner of a store can't change: create a new store"):
        stores.apply(store("owned", owner="bob"))


def test_storage_only_grows(stores: Client) -> None:
    stores.apply(store("grown", storage="10Gi"))
    stores.apply(store("grown", storage="20Gi"))
    for smaller in ("19Gi", None):
        with pytest.raises(ApiError, match="storage can only grow"):
            stores.patch(store("grown"), {"spec": {"storage": smaller}})


def test_the_engine_can_change_until_the_store_is_accepted_with_it(stores: Client) -> None:
    stores.apply(store("engined", engine="medussa"))
    made = stores.apply(store("engined", engine="medusa"))
    stores.replace({**made, "status": {"engine": "medusa"}}, "status")
    with pytest.raises(ApiError, match="the engine of an accepted store can't change"):
        stores.apply(store("engined", engine="woocommerce"))


def test_the_currency_can_change_until_the_store_is_accepted(stores: Client) -> None:
    stores.apply(store("priced", shop={"currency": "CHF"}))
    made = stores.apply(store("priced", shop={"currency": "EUR", "title": "Priced"}))
    stores.replace({**made, "status": {"engine": "medusa"}}, "status")
    for changed in ({"currency": "CHF"}, {"currency": "CHF", "country": "CH"}):
        with pytest.raises(ApiError, match="the currency of an accepted store can't change"):
            stores.patch(store("priced"), {"spec": {"shop": changed}})
    allowed = {"country": "CH", "title": "Prized", "priceFormat": "¤ 1'234.56"}
    shop = stores.patch(store("priced"), {"spec": {"shop": allowed}})["spec"]["shop"]
    assert shop == {**allowed, "currency": "EUR"}
    assert "priceFormat" not in stores.patch(store("priced"), {"spec": {"shop": {"priceFormat": None}}})["spec"]["shop"]


def admitted(stores: Client, obj: dict[str, Any]) -> bool:
    try:
        stores.create(obj, dryRun="All")
    except ApiError:
        return False
    return True


def cron_job(schedule: str) -> dict[str, Any]:
    container = {"name": "c", "image": "i"}
    template = {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}}
    metadata = {"name": "c", "namespace": "default"}
    spec = {"schedule": schedule, "jobTemplate": template}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata, "spec": spec}


def schedules(count: int) -> list[str]:
    """Generate schedules at and beyond the limits of the format, the same in every run."""
    rng = random.Random("schedules")
    values = ["*", "?", "0", "1", "6", "7", "12", "13", "23", "24", "31", "32", "59", "60", "007", "jan", "DEC", "Sun"]
    values += ["sat", "foo", "", "TZ", "tz"]

    def item() -> str:
        ends = rng.choices(values, k=rng.choice([1, 1, 2, 2, 3]))
        step = rng.choice(["", "", "", "/1", "/0", "/07", "/100", "/x", "/", "/2/3"])
        return "-".join(ends) + step

    made = []
    for number in range(count):
        fields = ["*"] * 5
        fields[number % 5] = ",".join(item() for _ in range(rng.choice([1, 1, 2])))
        made.append(" ".join(fields))
    return made


def test_a_schedule_is_valid_exactly_if_a_cron_job_with_it_is(stores: Client) -> None:
    judged = {s: (admitted(stores, store("s", backup={"schedule": s})), admitted(stores, cron_job(s)))
              for s in schedules(500) if all(field.strip(",") for field in s.split(" "))}  # fmt: skip
    assert {schedule: ours for schedule, ours in judged.items() if ours[0] != ours[1]} == {}
    assert {ours for ours, _ in judged.values()} == {True, False}


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2028-02-29T00:00:00.5Z"])
def test_every_time_from_year_1_to_9999_is_accepted(stores: Client, time: str) -> None:
    assert stores.create(store("timed", expiresAt=time, restartedAt=time), dryRun="All")["spec"]["expiresAt"] == time


def test_the_last_restored_backup_is_restored_again_only_by_a_new_time(stores: Client) -> None:
    made = stores.apply(store("twice", restoreFrom={"backup": "latest"}))
    stores.replace({**made, "status": {"restored": "twice/latest", "restores": 1}}, "status")
    stores.patch(store("twice"), {"spec": {"restoreFrom": None, "plan": "medium"}})
    with pytest.raises(ApiError, match=r"set spec\.restoreFrom\.requestedAt to the present time"):
        stores.patch(store("twice"), {"spec": {"restoreFrom": {"backup": "latest"}}})
    again = {"backup": "latest", "requestedAt": "2030-01-01T00:00:00Z"}
    assert stores.patch(store("twice"), {"spec": {"restoreFrom": again}})["spec"]["restoreFrom"] == again


def test_an_unknown_field_is_rejected(stores: Client) -> None:
    with pytest.raises(ApiError, match=r'unknown field "spec[.]hostnam"'):
        stores.create(store("typo", hostnam="shop.example.com"), dryRun="All", fieldValidation="Strict")


def test_every_field_has_a_description(plane: ControlPlane, stores: Client) -> None:
    text = wait_until(lambda: plane.kubectl("explain", "store", "--recursive=false"), "kubectl explains Stores")
    assert "A Store is one online shop." in text
    spec = wait_until(lambda: plane.kubectl("explain", "store.spec"), "kubectl explains their spec")
    assert "The size of the shop (requests, limits, quota, storage)" in " ".join(spec.split())
    crd = shipped("crd.yaml")[0]
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    fields = {name: field for name, field in walk(schema) if name != ".metadata"}
    assert [name for name, field in fields.items() if not field.get("description")] == []


def walk(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, field in schema.get("properties", {}).items():
        yield f"{path}.{name}", field
        yield from walk(field, f"{path}.{name}")
    if "items" in schema:
        yield from walk(schema["items"], f"{path}[]")
