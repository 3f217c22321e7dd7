"""The smoke test, run as a user runs it, against the local control plane; its shopper, in a shop that runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.controlplane import ControlPlane
from tests.shop.conftest import shop
from tests.shop.medusa import MedusaStore
from tests.stores.engines import GOOD, with_more_versions
from tests.stores.platform import Platform

from .shopping import Shop, ShopError

__all__ = ["shop"]

PLAYED = "(the containers of this cluster are played)"


def smoke(plane: ControlPlane, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it with an admin's kubeconfig."""
    path = f"{plane.bin_dir}:{os.environ['PATH']}"
    environment = {**os.environ, "KUBECONFIG": str(plane.kubeconfig("admin")), "PATH": path}
    command = [sys.executable, "-m", "tests.smoke", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def without_names(lines: str) -> list[str]:
    return [re.sub(r"smoke-[0-9a-f]{6}", "NAME", line) for line in lines.splitlines()]


def test_what_can_be_run_passes_and_what_needs_containers_is_named_as_not_run(tmp_path: Path) -> None:
    s3 = {"s3": {"endpoint": "https://s3.example.com", "bucket": "shops", "region": "eu"}}
    keys = {"accessKeyId": "an id", "secretAccessKey": "a key"}
    with (
        ControlPlane() as plane,
        Platform(plane, engines=with_more_versions(tmp_path), settings={"backup": s3}, object_store_keys=keys),
    ):
        done = smoke(plane, f"--upgrade-to={GOOD}", "--seconds=90")
    lines = without_names(done.stdout)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert re.fullmatch(r"passed: backed up \(20\d\d-.*Z\)", lines.pop(10))
    assert lines == [
        "passed: applied (store NAME of smoke-test)",
        "passed: ready (http://NAME.stores.localhost)",
        f"not run: answers through the ingress {PLAYED}",
        f"not run: order placed {PLAYED}",
        "passed: deleted part comes back (Deployment storefront)",
        f"passed: upgraded (version {GOOD})",
        f"not run: order is kept {PLAYED}",
        "passed: suspended (the phase is Suspended)",
        f"not run: closed through the ingress {PLAYED}",
        "passed: resumed (the phase is Ready)",
        "passed: restored to a clone (http://NAME-clone.stores.localhost)",
        "passed: deleted (no Store is there)",
        "passed: nothing is left (no namespace, object, host or volume)",
        "10 steps passed, 4 were not run: answers through the ingress, order placed, order is kept, closed through "
        "the ingress",
    ]


def test_a_step_that_fails_is_told_with_the_status_and_leaves_no_store(tmp_path: Path) -> None:
    with ControlPlane() as plane, Platform(plane) as platform:
        done = smoke(plane, "--upgrade-to=0.0.0", "--seconds=4")
        left = platform.client.list_all("platform.urumi.dev/v1alpha1", "Store")
        assert all("deletionTimestamp" in store["metadata"] for store in left)
    lines = without_names(done.stdout)
    assert done.returncode == 1
    assert lines[5].startswith("failed: upgraded: store NAME is Ready")
    assert "UnknownVersion" in lines[5]
    assert lines[6:] == [
        f"not run: {name} (an earlier step failed)"
        for name in (
            "order is kept",
            "suspended",
            "closed through the ingress",
            "resumed",
            "backed up",
            "restored to a clone",
            "deleted",
            "nothing is left",
        )
    ]


def test_without_an_object_store_a_clone_is_not_run() -> None:
    with ControlPlane() as plane, Platform(plane):
        done = smoke(plane, "--seconds=60")
    why = "this platform has no object store, and backups on volumes are each store's own"
    assert done.returncode == 0, done.stdout
    assert f"not run: restored to a clone ({why})" in done.stdout
    assert "not run: upgraded (no version was named (--upgrade-to))" in done.stdout


def test_its_shopper_places_an_order_and_finds_it_again(shop: MedusaStore) -> None:
    visitor = Shop(shop.url, shop.ingress.url)
    assert visitor.is_open()
    reference = visitor.order()
    assert visitor.find_order(reference) == f"order {reference}"
    assert shop.api("GET", f"/admin/orders/order_{reference}", fields="email")["order"]["email"] == "smoke@example.com"
    with pytest.raises(ShopError, match="There is no order of that reference"):
        visitor.find_order("01ARZ3NDEKTSV4RRFFQ69G5FAV")
