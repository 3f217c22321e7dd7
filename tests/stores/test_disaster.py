"""The disaster recovery drill: etcd is lost, and a new cluster gets the same shops from what was saved."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from storeplatform.metacontroller import MANIFESTS
from tests.cluster.client import Object
from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import wait_until
from tests.debian import need

from .platform import API, Platform

SCRIPTS = MANIFESTS / "disaster-recovery"
CLAIMS = {
    "bakery": {"database", "uploads", "backups"},
    "cellar": {"database", "uploads"},
}
BACKUP = {"schedule": "0 3 1 1 *"}
HOST = "bread.example.com"
LAST_STAGE = ("apps/v1", "Deployment", "storefront", "store-bakery")


@dataclass
class Kept:
    """What a shop must have again: the passwords, by store; the volume's path, by store and claim."""

    passwords: dict[str, Object]
    volumes: dict[tuple[str, str], str]


def kept(platform: Platform) -> Kept:
    client = platform.client
    volumes = {volume["metadata"]["name"]: volume for volume in client.list_all("v1", "PersistentVolume")}

    def path(store: str, claim: str) -> str:
        found = client.get("v1", "PersistentVolumeClaim", claim, f"store-{store}")
        assert found["status"]["phase"] == "Bound"
        return volumes[found["spec"]["volumeName"]]["spec"]["hostPath"]["path"]

    return Kept(
        {store: client.get("v1", "Secret", "credentials", f"store-{store}")["data"] for store in CLAIMS},
        {(store, claim): path(store, claim) for store, claims in CLAIMS.items() for claim in claims},
    )


def run(script: str, plane: ControlPlane, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "KUBECONFIG": str(plane.kubeconfig("admin")),
        "PATH": f"{plane.bin_dir}{os.pathsep}{os.environ['PATH']}",
    }
    command = ["bash", str(SCRIPTS / script)]
    return subprocess.run(command, env=environment, input=stdin, capture_output=True, text=True, check=False)


def conditions(store: Object) -> dict[str, str]:
    return {each["type"]: each["reason"] for each in store["status"]["conditions"]}


def live_before(platform: Platform) -> None:
    """An open shop that came from a backup, a suspended one, one whose host is taken, and one that is being deleted."""
    platform.client.create(
        {"apiVersion": API, "kind": "StoreQuota", "metadata": {"name": "global"}, "spec": {"maxStores": 77}}
    )
    platform.apply("bakery", hostname=HOST, plan="medium", backup=BACKUP, restoreFrom={"backup": "latest"})
    platform.apply("cellar")
    platform.await_phase("bakery", "Ready")
    platform.await_phase("cellar", "Ready")
    platform.apply("cellar", suspended=True)
    platform.await_phase("cellar", "Suspended")
    platform.apply("attic", hostname=HOST)
    platform.await_phase("attic", "Failed")
    platform.apply("ended", suspended=True)
    platform.await_phase("ended", "Suspended")
    platform.client.patch(platform.store("ended"), {"metadata": {"finalizers": ["tests/held"]}})
    platform.client.delete(platform.store("ended"))


@dataclass
class Drill:
    """The platform after the disaster, and what existed before."""

    platform: Platform
    before: Kept
    statuses: dict[str, Object]
    too_early: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def drill(binary: Path) -> Iterator[Drill]:
    need("jq")
    with ControlPlane() as lost, Platform(lost) as platform:
        live_before(platform)
        before = kept(platform)
        statuses = {store["metadata"]["name"]: store["status"] for store in platform.client.list_all(API, "Store")}
        saved = run("save", lost)
        assert saved.returncode == 0, saved.stderr
    settled = {"resyncSeconds": {"settled": 1, "changing": 20}}
    with ControlPlane() as plane, Platform(plane, settings=settled) as platform:
        too_early = run("restore", plane, saved.stdout)
        plane.kubectl("delete", "compositecontroller", "stores")
        for _ in range(2):  # as after a first run that was interrupted
            restored = run("restore", plane, saved.stdout)
            assert restored.returncode == 0, restored.stderr
        platform.install()
        yield Drill(platform, before, statuses, too_early)


def open_again(platform: Platform) -> Object:
    """Return the open shop's Store.

    A restored status still says Ready, so it counts only once its last stage exists.
    """
    wait_until(lambda: platform.client.find(*LAST_STAGE), "the open shop is made again", 60)
    return platform.await_phase("bakery", "Ready")


def test_after_the_restore_shops_have_their_passwords_and_volumes(drill: Drill) -> None:
    open_again(drill.platform)
    drill.platform.await_phase("cellar", "Suspended")
    assert kept(drill.platform) == drill.before


def test_a_completed_restore_is_not_repeated(drill: Drill) -> None:
    store = open_again(drill.platform)
    assert store["status"]["restored"] == "bakery/latest"
    assert store["status"]["release"] == drill.statuses["bakery"]["release"]
    names = [job["metadata"]["name"] for job in drill.platform.client.list_all("batch/v1", "Job", "store-bakery")]
    assert [name for name in names if not name.startswith("migrate-")] == []


def test_a_host_still_belongs_to_the_store_that_had_it(drill: Drill) -> None:
    open_again(drill.platform)
    store = drill.platform.await_phase("attic", "Failed")
    assert "HostnameTaken" in conditions(store).values()


def test_quotas_are_restored_and_a_store_being_deleted_is_not(drill: Drill) -> None:
    assert drill.platform.client.get(API, "StoreQuota", "global")["spec"]["maxStores"] == 77
    names = {store["metadata"]["name"] for store in drill.platform.client.list_all(API, "Store")}
    assert names == {"attic", "bakery", "cellar"}


def test_restored_shops_reach_a_steady_state(drill: Drill) -> None:
    platform = drill.platform
    open_again(drill.platform)
    drill.platform.await_phase("cellar", "Suspended")
    settled = platform.syncs() + 6
    wait_until(lambda: platform.syncs() >= settled, "the shops have settled")
    mark, before = platform.plane.audit.mark(), platform.syncs()
    wait_until(lambda: platform.syncs() >= before + 6, "six more syncs")
    assert platform.plane.audit.writes(mark) == []


def test_a_suspended_shop_opens_with_its_old_passwords_and_volumes(drill: Drill) -> None:
    drill.platform.client.patch(drill.platform.store("cellar"), {"spec": {"suspended": False}})
    drill.platform.await_phase("cellar", "Ready")
    assert kept(drill.platform) == drill.before


def test_a_restore_beside_the_controller_changes_nothing_and_says_what_to_do(drill: Drill) -> None:
    assert drill.too_early.returncode == 1
    assert "kubectl delete compositecontrollers --selector=" in drill.too_early.stderr
    assert drill.too_early.stdout == ""
