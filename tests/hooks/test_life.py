"""A store's life when one operation interrupts another: the status is true, and there is a way forward."""

from __future__ import annotations

import pytest

from storeplatform.hooks.core.objects import Key, Object
from storeplatform.hooks.settings import Settings

from .simulation import DOMAIN, GOOD, NEW, UNMIGRATABLE, UNSTARTABLE, Data, Simulation
from .world import store

EARLIER = "20200101T000000Z"


@pytest.fixture(params=[True, False], ids=["with pods", "without pods"])
def shop(four_versions: Settings, request: pytest.FixtureRequest) -> Simulation:
    """An open shop with a backup."""
    shop = Simulation(four_versions, store(version=GOOD, backup={"schedule": "0 3 * * *"}), request.param)
    shop.truth.archives["latest"] = Data("", GOOD)
    shop.settle()
    assert shop.status["phase"] == "Ready"
    return shop


def until_at_work(shop: Simulation, job: str) -> Key:
    """Let everything take steps until a pod of that Job runs; return the Job's key."""
    for _ in range(60):
        for key in list(shop.live):
            if key.name.startswith(job) and shop.pods.get(key.name) and shop.pods[key.name].running:
                return key
            if key.kind != "CronJob":
                shop.step(key)
        shop.end_pods()
        shop.sync()
        shop.wait(2)
    raise AssertionError(f"no {job} is at work")


def ready(shop: Simulation) -> tuple[str, str, str]:
    found = shop.condition("Ready")
    return found["status"], found["reason"], found["message"]


def replicas(shop: Simulation, kind: str, name: str) -> int:
    wanted: int = shop.live[shop.key(kind, name)]["spec"]["replicas"]
    return wanted


def test_suspending_during_a_restore_reports_it_only_once_it_is_done(shop: Simulation) -> None:
    shop.change(restoreFrom={"backup": "latest"})
    job = until_at_work(shop, "restore")
    shop.change(suspended=True)
    shop.sync()
    assert "restored" not in shop.status
    assert replicas(shop, "StatefulSet", "database") == 1
    assert (shop.status["phase"], ready(shop)[1]) == ("Suspending", "Suspending")
    shop.step(job)
    shop.settle()
    assert (shop.status["phase"], shop.status["restored"]) == ("Suspended", "demo/latest")
    assert replicas(shop, "StatefulSet", "database") == 0


def test_resuming_after_a_failed_restore_reports_the_failure(shop: Simulation) -> None:
    shop.change(restoreFrom={"backup": "latest"})
    job = until_at_work(shop, "restore")
    shop.truth.broken.add(job.name)
    shop.settle()
    assert ready(shop)[1] == "JobFailed"
    shop.change(suspended=True)
    shop.settle()
    assert (shop.status["phase"], "restored" in shop.status) == ("Suspended", False)
    shop.change(suspended=False)
    shop.settle()
    assert (shop.status["phase"], ready(shop)[1]) == ("Failed", "JobFailed")


def test_a_suspended_store_that_expires_reports_no_last_backup(shop: Simulation) -> None:
    shop.change(expiresAt=shop.written())
    until_at_work(shop, "snapshot")
    shop.change(suspended=True)
    shop.sync()
    assert "lastBackup" not in shop.status
    shop.settle()
    assert shop.status["lastBackup"] in shop.truth.snapshots


def test_a_reopened_shop_is_backed_up_again_when_it_gets_the_same_expiry(shop: Simulation) -> None:
    end = shop.written()
    shop.change(expiresAt=end)
    shop.settle()
    first = shop.status["lastBackup"]
    shop.change(expiresAt=None)
    shop.settle()
    assert "lastBackup" not in shop.status
    shop.order()
    shop.change(expiresAt=end)
    shop.settle()
    assert (shop.status["phase"], shop.status["lastBackup"] == first) == ("Suspended", False)
    assert shop.truth.snapshots[shop.status["lastBackup"]].orders == 1


def test_a_refused_edit_while_closed_takes_no_time_from_an_upgrade(shop: Simulation) -> None:
    shop.change(version=NEW)
    until_at_work(shop, "migrate")
    shop.change(suspended=True)
    shop.settle()
    shop.change(plan="huge")
    shop.settle()
    shop.wait(5000)
    shop.change(plan="small", suspended=False)
    shop.settle()
    assert (shop.status["phase"], shop.status["release"]["running"]) == ("Ready", NEW)


def test_a_store_that_can_not_open_after_it_was_closed_writes_nothing_more(four_versions: Settings) -> None:
    shop = Simulation(four_versions, store(version=GOOD))
    for _ in range(12):
        shop.sync()
        for key in list(shop.live):
            shop.step(key)
    shop.change(suspended=True)
    shop.settle()
    shop.truth.taken_hosts.add("shop.example.com")
    shop.change(suspended=False, hostname="shop.example.com")
    shop.settle()
    assert (shop.status["phase"], ready(shop)[1]) == ("Failed", "HostnameTaken")


@pytest.mark.parametrize("at_work", [True, False], ids=["at work", "not begun"])
def test_a_migration_survives_a_suspension(shop: Simulation, at_work: bool) -> None:
    shop.change(version=NEW)
    job = until_at_work(shop, "migrate")
    if not at_work:
        shop.pods[job.name].running, shop.pods[job.name].pending = 0, 1
        shop.report(job, ready=0, startTime="2025-01-01T00:00:00Z")
    shop.change(suspended=True)
    shop.sync()
    assert ((job in shop.live), replicas(shop, "StatefulSet", "database")) == (at_work, 1)
    shop.settle()
    assert shop.status["phase"] == "Suspended"
    shop.change(suspended=False)
    shop.settle()
    assert (shop.status["phase"], shop.status["release"]["running"]) == ("Ready", NEW)


def test_a_resumed_store_is_not_ready_before_its_pods_are(shop: Simulation) -> None:
    shop.change(suspended=True)
    shop.settle()
    shop.change(suspended=False)
    shop.sync()
    assert (shop.status["phase"], ready(shop)[:2]) == ("Degraded", ("False", "Updating"))


def test_a_version_suspended_before_it_ran_is_rejected_if_it_never_starts(shop: Simulation) -> None:
    shop.change(version=UNSTARTABLE)
    until_at_work(shop, "migrate")
    shop.change(suspended=True)
    shop.settle()
    shop.change(suspended=False)
    shop.settle()
    release = shop.status["release"]
    assert (shop.status["phase"], release["running"], release["rejected"]) == ("Ready", GOOD, UNSTARTABLE)


@pytest.mark.parametrize("backup", [EARLIER, "snapshot/none"])
def test_an_impossible_restore_never_closes_a_live_shop(shop: Simulation, backup: str) -> None:
    shop.change(restoreFrom={"backup": backup})
    for _ in range(30):
        shop.sync()
        for key in list(shop.live):
            shop.step(key)
        assert shop.serves
    shop.settle()
    checked = shop.condition("RestoreChecked")
    assert (shop.status["phase"], checked["status"], checked["reason"]) == ("Ready", "False", "JobFailed")
    assert "name another backup in spec.restoreFrom, or remove it" in checked["message"]
    assert "name another backup in spec.restoreFrom, or remove it" in ready(shop)[2]


def test_a_new_store_does_not_open_without_the_backup_it_is_created_from(four_versions: Settings) -> None:
    shop = Simulation(four_versions, store(restoreFrom={"backup": "latest"}))
    shop.settle()
    assert (shop.status["phase"], shop.serves) == ("Failed", False)
    shop.change(restoreFrom=None)
    shop.settle()
    assert shop.status["phase"] == "Ready"


def test_a_second_restore_of_the_same_backup_runs_once_per_request(shop: Simulation) -> None:
    for time in ("2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z"):
        shop.change(restoreFrom={"backup": "latest", "requestedAt": time})
        shop.settle()
        shop.order()
        shop.settle()
        assert shop.status["restoredRequest"] == time
    assert shop.truth.restores == ["demo/latest#1 2026-01-01T01:00:00Z", "demo/latest#2 2026-01-01T02:00:00Z"]
    assert shop.status["restores"] == 2


@pytest.mark.parametrize("after", [None, {"backup": "latest", "requestedAt": "2026-01-02T00:00:00Z"}])
def test_a_failed_restore_can_be_replaced_or_cancelled(shop: Simulation, after: Object | None) -> None:
    shop.change(restoreFrom={"backup": "latest"})
    shop.truth.broken.add(until_at_work(shop, "restore").name)
    shop.settle()
    assert shop.status["phase"] == "Failed"
    shop.change(restoreFrom=after)
    shop.settle()
    assert shop.status["phase"] == "Ready"
    assert shop.status.get("restored") == ("demo/latest" if after else None)


def test_a_cancelled_restore_has_ended_before_the_shop_opens(shop: Simulation) -> None:
    shop.change(restoreFrom={"backup": "latest"})
    job = until_at_work(shop, "restore")
    shop.change(restoreFrom=None)
    shop.sync()
    assert shop.live[job]["spec"]["suspend"] is True
    assert (shop.serves, ready(shop)[1]) == (False, "Stopping")
    shop.settle()
    assert shop.status["phase"] == "Ready"
    assert job not in shop.live


def test_a_migration_is_stopped_before_a_restore_replaces_its_data(shop: Simulation) -> None:
    shop.change(version=NEW)
    job = until_at_work(shop, "migrate")
    shop.change(restoreFrom={"backup": "latest"})
    for _ in range(40):
        shop.sync()
        for key in list(shop.live):
            assert not (shop.working("migrate") and shop.working("restore"))
            if key not in (job, shop.key("CronJob", "backup")):
                shop.step(key)
    assert shop.live[job]["spec"]["suspend"] is True
    shop.settle()
    assert (shop.status["phase"], shop.status["restored"]) == ("Ready", "demo/latest")
    assert shop.status["release"]["running"] == shop.truth.data.version == NEW


def test_a_changed_setting_does_not_repeat_a_restore(shop: Simulation) -> None:
    shop.change(restoreFrom={"backup": "latest"})
    job = until_at_work(shop, "restore")
    shop.change(backup={"schedule": "0 3 * * *", "keep": 30})
    shop.sync()
    assert [key for key in shop.live if key.name.startswith("restore")] == [job]
    shop.settle()
    assert shop.truth.restores == ["demo/latest#1"]


def test_no_backup_or_cron_job_runs_during_a_restore(shop: Simulation) -> None:
    shop.step(shop.key("CronJob", "backup"))
    shop.change(restoreFrom={"backup": "latest"})
    for _ in range(20):
        shop.sync()
        for key in list(shop.live):
            if key.kind != "CronJob":
                shop.step(key)
        shop.end_pods()
    assert (shop.working("restore"), shop.truth.restores) == ([], [])
    assert shop.live[shop.key("CronJob", "backup")]["spec"]["suspend"] is True
    shop.step(shop.key("CronJob", "backup"))
    shop.settle()
    assert shop.truth.restores == ["demo/latest#1"]
    assert shop.live[shop.key("CronJob", "backup")]["spec"]["suspend"] is False


def test_a_restore_during_an_upgrade_survives_the_rollback(shop: Simulation) -> None:
    shop.change(version=UNSTARTABLE)
    until_at_work(shop, "migrate")
    shop.change(restoreFrom={"backup": "latest"})
    shop.settle()
    assert (shop.status["phase"], shop.status["release"]["rejected"]) == ("Ready", UNSTARTABLE)
    assert (shop.truth.data.origin, shop.status["restored"]) == ("demo/latest#1", "demo/latest")


def test_a_restore_whose_status_was_lost_is_not_repeated(shop: Simulation) -> None:
    shop.change(restoreFrom={"backup": "latest"})
    shop.settle()
    for name in ("restored", "restores"):
        del shop.parent["status"][name]
    shop.sync()  # the next resync: a status change is no event
    shop.settle()
    assert (shop.status["restored"], shop.truth.restores) == ("demo/latest", ["demo/latest#1"])


def test_a_version_reverted_right_after_its_migration_restores_the_snapshot(shop: Simulation) -> None:
    shop.change(version=NEW)
    shop.step(until_at_work(shop, "migrate"))
    shop.change(version=GOOD)
    shop.settle()
    assert (shop.status["phase"], shop.truth.data.version) == ("Ready", GOOD)


def test_a_snapshot_is_restored_although_another_restore_is_impossible(shop: Simulation) -> None:
    shop.change(version=UNMIGRATABLE, restoreFrom={"backup": "snapshot/none"})
    shop.settle()
    assert (shop.status["release"]["running"], shop.truth.data.version) == (GOOD, GOOD)


def test_a_rejected_versions_cause_names_no_useless_remedy(shop: Simulation) -> None:
    shop.change(version=UNMIGRATABLE)
    shop.settle()
    message = shop.condition("UpgradeFailed")["message"]
    assert "failed: Job has reached its limit" in message
    assert "delete the Job" not in message


def test_a_snapshot_before_an_upgrade_keeps_the_one_to_be_restored(shop: Simulation) -> None:
    shop.truth.snapshots["old"] = Data("", GOOD)
    shop.change(version=NEW, restoreFrom={"backup": "snapshot/old"})
    job = until_at_work(shop, "snapshot")
    (container,) = shop.live[job]["spec"]["template"]["spec"]["containers"]
    assert (container["args"][0], container["args"][2:]) == ("snapshot", ["snapshot/old"])
    shop.settle()
    assert (shop.status["phase"], shop.status["restored"]) == ("Ready", "demo/snapshot/old")


def test_a_failed_rollback_can_be_replaced_by_a_named_backup(shop: Simulation) -> None:
    shop.change(version=UNMIGRATABLE)
    until_at_work(shop, "migrate")
    shop.truth.snapshots.clear()
    shop.settle()
    assert (shop.status["phase"], ready(shop)[1]) == ("Failed", "JobFailed")
    assert "name another backup in spec.restoreFrom" in ready(shop)[2]
    shop.change(restoreFrom={"backup": "latest"})
    shop.settle()
    assert (shop.status["phase"], shop.status["restored"]) == ("Ready", "demo/latest")
    assert shop.truth.data.version == shop.status["release"]["running"] == GOOD


def test_a_rejected_version_is_tried_again_after_the_spec_named_another(shop: Simulation) -> None:
    shop.change(version=UNMIGRATABLE)
    shop.settle()
    assert shop.status["release"]["rejected"] == UNMIGRATABLE
    shop.change(version=GOOD)
    shop.settle()
    assert "rejected" not in shop.status["release"]
    shop.change(version=UNMIGRATABLE)
    shop.sync()
    assert shop.status["release"]["target"] == UNMIGRATABLE


def test_stores_that_swap_hosts_report_only_their_own_and_how_to_swap(four_versions: Settings) -> None:
    shops = [Simulation(four_versions, store(name, hostname=f"{name}.example.com")) for name in ("one", "two")]

    def live() -> None:
        for _ in range(2):
            for shop, other in zip(shops, reversed(shops), strict=True):
                shop.truth.taken_hosts = {key.name for key in other.live if key.kind == "Hostname"}
                shop.settle()

    live()
    shops[0].change(hostname="two.example.com")
    shops[1].change(hostname="one.example.com")
    live()
    for shop, name in zip(shops, ("one", "two"), strict=True):
        assert shop.status["url"] == f"http://{name}.example.com"
        assert shop.status["adminURL"] == f"http://{name}.example.com/app"
        assert ready(shop)[1] == "HostnameTaken"
        assert "first give one of them a host that is free" in ready(shop)[2]
    shops[0].change(hostname="free.example.com")
    live()
    shops[0].change(hostname="two.example.com")
    live()
    assert [shop.status["phase"] for shop in shops] == ["Ready", "Ready"]
    assert [shop.status["url"] for shop in shops] == ["http://two.example.com", "http://one.example.com"]


def test_a_suspended_store_gets_no_traffic_of_a_host_held_by_another_store(shop: Simulation) -> None:
    shop.change(suspended=True)
    shop.settle()
    shop.truth.taken_hosts.add("shop.example.com")
    shop.change(hostname="shop.example.com")
    shop.settle()
    (rule,) = shop.live[shop.key("Ingress", "store")]["spec"]["rules"]
    assert (rule["host"], shop.status["url"]) == (f"demo.{DOMAIN}", f"http://demo.{DOMAIN}")


def test_a_refused_store_reports_no_host_that_it_lost(shop: Simulation) -> None:
    shop.change(plan="huge")
    shop.sync()
    assert shop.status["url"] == f"http://demo.{DOMAIN}"
    shop.delete_child(shop.key("Hostname", f"demo.{DOMAIN}"))
    shop.sync()
    assert {"url", "adminURL"} & shop.status.keys() == set()


@pytest.mark.parametrize(
    ("end", "deletes", "phase"),
    [
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z", "Ready"),
        ("9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59Z", "Ready"),
        ("0001-01-01T00:00:00Z", "0001-01-08T00:00:00Z", "Suspended"),
        ("0001-01-01T00:00:00+14:00", "0001-01-08T00:00:00Z", "Suspended"),
        ("0800-06-01T00:00:00Z", "0800-06-08T00:00:00Z", "Suspended"),
    ],
)
def test_every_admitted_time_is_handled(shop: Simulation, end: str, deletes: str, phase: str) -> None:
    shop.change(expiresAt=end)
    shop.settle()
    assert (shop.status["phase"], shop.status["deletesAt"]) == (phase, deletes)


def test_a_lost_child_is_recreated_before_it_counts_as_refused(shop: Simulation) -> None:
    shop.wait(5000)
    shop.report(shop.key("Deployment", "backend"), availableReplicas=0)
    shop.sync()
    shop.wait(100)
    shop.delete_child(shop.key("Deployment", "backend"))
    shop.sync()
    assert ready(shop)[1] == "Creating"


def test_a_recreated_job_has_its_whole_time_again(shop: Simulation) -> None:
    shop.change(version=NEW)
    job = until_at_work(shop, "migrate")
    shop.wait(1000)
    shop.sync()
    shop.delete_child(job)
    shop.end_pods()
    shop.sync()
    shop.wait(11)
    shop.sync()
    assert (shop.status["phase"], ready(shop)[1]) == ("Upgrading", "JobRunning")


def test_restored_data_of_an_older_version_is_migrated_to_the_running_one(shop: Simulation) -> None:
    shop.change(version=NEW)
    shop.settle()
    shop.change(restoreFrom={"backup": "latest"})
    shop.settle()
    assert (shop.status["phase"], shop.status["release"]["running"]) == ("Ready", NEW)
    assert (shop.truth.data.origin, shop.truth.data.version) == ("demo/latest#1", NEW)
