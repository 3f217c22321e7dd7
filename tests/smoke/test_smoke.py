"""The smoke test, run as a user runs it, against the local control plane; its shopper, in a running shop."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import wait_until
from tests.shop.conftest import shop
from tests.shop.medusa import MedusaStore
from tests.shop.shopper import ADDRESS
from tests.stores.engines import FAILING, GOOD, STAGES, with_more_versions
from tests.stores.platform import API, Platform

from .__main__ import versions
from .shopping import Shop, ShopError
from .steps import STEPS

__all__ = ["shop"]

SIMULATED = "(the containers of this cluster are simulated)"


@pytest.fixture(scope="module")
def plain() -> Iterator[Platform]:
    """A platform without an object store."""
    with ControlPlane() as plane, Platform(plane) as platform:
        yield platform


def smoke(plane: ControlPlane, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it with an admin's kubeconfig."""
    path = f"{plane.bin_dir}:{os.environ['PATH']}"
    environment = {**os.environ, "KUBECONFIG": str(plane.kubeconfig("admin")), "PATH": path}
    command = [sys.executable, "-m", "tests.smoke", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def without_names(lines: str) -> list[str]:
    return [re.sub(r"smoke-[0-9a-f]{6}", "NAME", line) for line in lines.splitlines()]


def test_possible_steps_pass_and_those_that_need_containers_are_listed(tmp_path: Path) -> None:
    s3 = {"s3": {"endpoint": "https://s3.example.com", "bucket": "shops", "region": "eu"}}
    keys = {"accessKeyId": "an id", "secretAccessKey": "a key"}
    with (
        ControlPlane(extra_stages=STAGES) as plane,
        Platform(
            plane, engines=with_more_versions(tmp_path), settings={"backup": s3}, object_store_keys=keys
        ) as platform,
    ):
        platform.apply("another-shop")
        done = smoke(plane, f"--upgrade-to={GOOD}", f"--bad-version={FAILING}", "--seconds=90")
    lines = without_names(done.stdout)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert re.fullmatch(r"passed: backup listed \(20\d\d-.*Z\)", lines.pop(12))
    assert lines == [
        "passed: applied (store NAME of admin)",
        "passed: ready (http://NAME.stores.localhost)",
        f"not run: answers through the ingress {SIMULATED}",
        f"not run: order placed {SIMULATED}",
        "passed: deleted part comes back (Deployment storefront)",
        f"passed: upgraded (version {GOOD})",
        f"passed: bad version rolled back (version {FAILING} is rejected, {GOOD} runs)",
        f"not run: order is kept {SIMULATED}",
        "passed: suspended (the phase is Suspended, no pod runs)",
        f"not run: closed through the ingress {SIMULATED}",
        "passed: resumed (the phase is Ready)",
        f"not run: sells again {SIMULATED}",
        "passed: clone ready (http://NAME-clone.stores.localhost restored from NAME/latest)",
        f"not run: clone has the order {SIMULATED}",
        "passed: deleted (no Store exists)",
        "passed: nothing is left (no namespace, object, host or volume)",
        "11 steps passed, 6 were not run: answers through the ingress, order placed, order is kept, closed through "
        "the ingress, sells again, clone has the order",
    ]


def test_a_failed_step_is_reported_with_the_status_and_leaves_no_store(plain: Platform) -> None:
    done = smoke(plain.plane, "--upgrade-to=0.0.0")
    wait_until(lambda: plain.client.list_all(API, "Store") == [], "no Store is left")
    lines = without_names(done.stdout)
    assert done.returncode == 1
    assert lines[5].startswith("failed: upgraded: store NAME is Ready can no longer become true: ")
    assert '"reason": "UnknownVersion"' in lines[5].partition("; status of NAME: ")[2]
    later = [step.__name__.replace("_", " ") for step in STEPS[6:]]
    assert lines[6:-1] == [f"not run: {name} (an earlier step failed)" for name in later]
    assert lines[-1].startswith("upgraded failed, 3 steps passed, 13 were not run: answers through the ingress, ")


def test_without_an_object_store_cloning_is_skipped(plain: Platform) -> None:
    done = smoke(plain.plane)
    why = "the platform has no object store, and a backup on a volume is its own store's alone"
    assert done.returncode == 0, done.stdout
    assert f"not run: clone ready ({why})" in done.stdout
    assert "not run: clone has the order (there is no clone)" in done.stdout
    assert "passed: upgraded (version 2.21.2)" in done.stdout


def test_its_shopper_places_an_order_and_finds_it_again(shop: MedusaStore) -> None:
    visitor = Shop(shop.url, shop.ingress.url)
    assert visitor.closed() == ""
    assert visitor.title().endswith("| Käse & $(NAME) <Brot>")
    reference = visitor.order()
    assert visitor.find_order(reference) == f"order {reference}"
    assert shop.api("GET", f"/admin/orders/order_{reference}", fields="email")["order"]["email"] == ADDRESS["E-mail"]
    with pytest.raises(ShopError, match="There is no order with that reference"):
        visitor.find_order("01ARZ3NDEKTSV4RRFFQ69G5FAV")


def test_its_shopper_skips_sold_out_products(shop: MedusaStore) -> None:
    """The catalogue shows the newest first, so a sold-out product may be the first."""
    (mug,) = shop.api("GET", "/admin/products", handle="stoneware-mug", fields="shipping_profile.id")["products"]
    channels = [{"id": each["id"]} for each in shop.api("GET", "/admin/sales-channels")["sales_channels"]]
    prices = [{"currency_code": "eur", "amount": 5}]
    variants = [{"title": "One", "options": {"Kind": "One"}, "manage_inventory": True, "prices": prices}]
    body = {
        "title": "Sold out",
        "status": "published",
        "shipping_profile_id": mug["shipping_profile"]["id"],
        "options": [{"title": "Kind", "values": ["One"]}],
        "variants": variants,
        "sales_channels": channels,
    }
    made = shop.api("POST", "/admin/products", body)["product"]
    try:
        reference = Shop(shop.url, shop.ingress.url).order()
    finally:
        shop.api("DELETE", f"/admin/products/{made['id']}")
    (item,) = shop.api("GET", f"/admin/orders/order_{reference}", fields="*items")["order"]["items"]
    assert item["product_title"] == "Linen shirt"


def test_if_no_shop_is_open_the_ingress_controllers_status_is_returned(shop: MedusaStore) -> None:
    assert Shop("http://closed.example.com", shop.ingress.url).closed() == "404"


def test_an_upgrade_starts_from_the_second_newest_version_by_default() -> None:
    assert versions(["2.22.0", "2.21.2"], "") == ("2.21.2", "2.22.0")
    assert versions(["2.22.0", "2.21.2"], "2.23.0") == ("", "2.23.0")
    assert versions(["2.22.0"], "") == ("", "")
