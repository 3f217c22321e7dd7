"""Explore a store's life: in any order of events, the invariants hold and a way forward exists.

LIFE.md beside this file documents the model. ``STORE_PLATFORM_EXPLORE`` is the number of generated histories (the
default is CI's); ``tox -e explore`` runs more. A counterexample is printed as the shortest history that hypothesis
finds, as Python that can be pasted into a test.
"""

from __future__ import annotations

import os
import re

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as exploration
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from storeplatform.hooks.core.objects import Key, Object
from storeplatform.hooks.core.retention import protected
from storeplatform.hooks.settings import Settings

from .simulation import DOMAIN, GOOD, UNMIGRATABLE, UNSTARTABLE, VERSIONS, Data, Simulation
from .world import store

HISTORIES = int(os.environ.get("STORE_PLATFORM_EXPLORE") or 1000)
STEPS = 50
# Only the first counterexample is wanted, fast: it is not shrunk.
PHASES = [Phase.generate] if os.environ.get("STORE_PLATFORM_EXPLORE_FAST") else [Phase.generate, Phase.shrink]
OWN, OTHER = f"demo.{DOMAIN}", "shop.example.com"
ARCHIVES = ["latest", "latest", "20200101T000000Z", "snapshot/none"]
DATES = ["0001-01-01T00:00:00+14:00", "2026-01-01T00:05:00Z", "2026-01-02T00:00:00Z", "9999-12-31T23:59:59-12:00"]
ROUNDS = st.integers(0, 9)
BREAKABLE = ["backend", "database", "storefront", "restore", "migrate", "backup-now"]
# What must have stopped before the database.
USING_THE_DATABASE = ("restore", "migrate", "snapshot", "backend", "backup-now")
TITLES = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zs"]), min_size=1, max_size=100)

# What the message of a Failed store must contain, by reason: something that somebody can do.
REMEDIES = re.compile(r"\b(delete|choose|name|set|edit|move|check|read|remove|restore|shows|tell|change)\b")


@pytest.mark.parametrize("sees_pods", [True, False], ids=["with pods", "without pods"])
def test_no_history_breaks_an_invariant_or_has_no_way_forward(four_versions: Settings, sees_pods: bool) -> None:
    explored = exploration(
        max_examples=max(1, HISTORIES // 2),
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
        phases=PHASES,
    )
    run_state_machine_as_test(lambda: Life(four_versions, sees_pods), settings=explored)


class Life(RuleBasedStateMachine):
    """The operations of users, the events of the cluster, and the invariants."""

    def __init__(self, settings: Settings, sees_pods: bool) -> None:
        super().__init__()
        self.settings, self.sees_pods = settings, sees_pods
        self.cluster = Simulation(settings, store(version=GOOD), sees_pods)
        self.made: set[Key] = set()
        self.origins: set[str] = {""}
        self.snapshots: set[str] = set()
        self.served_since: dict[str, int] = {}

    # Initial states

    @initialize(open_first=st.booleans(), backups=st.booleans())
    def begin(self, open_first: bool, backups: bool) -> None:
        if backups:
            self.cluster.change(backup={"schedule": "0 3 * * *"})
            self.cluster.truth.archives["latest"] = Data("", GOOD)
        if open_first:
            self.cluster.settle()

    def _live(self, rounds: int) -> None:
        """Let everything take that many steps."""
        for number in range(rounds):
            self.cluster.sync()
            self.hold_after_sync()
            for key in list(self.cluster.live):
                if key.kind != "CronJob":
                    self.cluster.step(key)
                    self.hold_always()
            if number % 2:
                self.cluster.end_pods()
            self.cluster.wait(3)

    # User operations

    @rule(suspended=st.booleans(), rounds=ROUNDS)
    def suspend_or_resume(self, suspended: bool, rounds: int) -> None:
        self.cluster.change(suspended=suspended)
        self._live(rounds)

    @rule(version=st.sampled_from([*VERSIONS, None]), rounds=ROUNDS)
    def choose_version(self, version: str | None, rounds: int) -> None:
        self.cluster.change(version=version)
        self._live(rounds)

    @rule(backup=st.sampled_from(ARCHIVES), asked=st.booleans(), rounds=ROUNDS)
    def restore(self, backup: str, asked: bool, rounds: int) -> None:
        wanted: Object = {"backup": backup, **({"requestedAt": self.cluster.written()} if asked else {})}
        old = self.cluster.status
        same = old.get("restored") == f"demo/{backup}" and old.get("restoredRequest") == wanted.get("requestedAt")
        if not same:  # the CRD rejects it
            self.cluster.change(restoreFrom=wanted)
        self._live(rounds)

    @rule(rounds=ROUNDS)
    def ask_for_a_backup(self, rounds: int) -> None:
        if wanted := self.cluster.parent["spec"].get("backup"):
            self.cluster.change(backup={**wanted, "requestedAt": self.cluster.written()})
        self._live(rounds)

    @rule(rounds=ROUNDS)
    def stop_restoring(self, rounds: int) -> None:
        self.cluster.change(restoreFrom=None)
        self._live(rounds)

    @rule(host=st.sampled_from([None, OTHER, "shop.example.org"]), rounds=ROUNDS)
    def move(self, host: str | None, rounds: int) -> None:
        self.cluster.change(hostname=host)
        self._live(rounds)

    @rule(end=st.sampled_from([None, *DATES]), rounds=ROUNDS)
    def expire(self, end: str | None, rounds: int) -> None:
        self.cluster.change(expiresAt=end)
        self._live(rounds)

    @rule(
        field=st.sampled_from(["plan", "replicas", "restart", "storage", "email", "backup", "title"]),
        title=TITLES,
        rounds=ROUNDS,
    )
    def edit(self, field: str, title: str, rounds: int) -> None:
        wanted: Object = {
            "plan": {"plan": "medium" if self.cluster.parent["spec"]["plan"] == "small" else "small"},
            "replicas": {"storefront": {"replicas": 2}},
            "restart": {"restartedAt": self.cluster.written()},
            "storage": {"storage": "30Gi"},
            "email": {"adminEmail": "ann@example.com"},
            "backup": {"backup": None if "backup" in self.cluster.parent["spec"] else {"schedule": "0 3 * * *"}},
            "title": {"shop": {"country": "DE", "currency": "EUR", "title": title}},
        }
        self.cluster.change(**wanted[field])
        self._live(rounds)

    @rule(rounds=ROUNDS)
    def order(self, rounds: int) -> None:
        self.cluster.order()
        self._live(rounds)

    @precondition(lambda self: self.cluster.now.hour > 0)
    @rule()
    def delete(self) -> None:
        self.cluster.delete_store()

    # Cluster events

    @rule(times=st.integers(1, 4))
    def reconcile(self, times: int) -> None:
        for _ in range(times):
            self.cluster.sync()
            self.hold_after_sync()

    @rule(parent=st.integers(0, 3), children=st.integers(0, 3))
    def reconcile_outdated_state(self, parent: int, children: int) -> None:
        self.cluster.sync(parent, children)

    @rule(lost=st.sampled_from(["status", "children"]))
    def lose_a_write(self, lost: str) -> None:
        self.cluster.sync(lost=lost)

    @rule(data=st.data(), times=st.integers(1, 6))
    def work(self, data: st.DataObject, times: int) -> None:
        for _ in range(times):
            keys = sorted(self.cluster.live)
            if keys:
                self.cluster.step(data.draw(st.sampled_from(keys)))
                self.hold_always()

    @rule()
    def all_work(self) -> None:
        for key in list(self.cluster.live):
            if key.kind != "CronJob":
                self.cluster.step(key)
        self.hold_always()

    @rule(rounds=ROUNDS)
    def run_a_backup(self, rounds: int) -> None:
        self.cluster.step(self.cluster.key("CronJob", "backup"))
        self._live(rounds)

    @rule()
    def end_pods(self) -> None:
        self.cluster.end_pods()

    @rule(seconds=st.sampled_from([1, 20, 700, 2000, 90000]), rounds=ROUNDS)
    def wait(self, seconds: int, rounds: int) -> None:
        self.cluster.wait(seconds)
        self._live(rounds)

    @rule(name=st.sampled_from(BREAKABLE), rounds=ROUNDS)
    def break_(self, name: str, rounds: int) -> None:
        """Make a workload fail, or a Job's next attempts."""
        for key in self.cluster.live:
            if key.name.startswith(name):
                self.cluster.truth.broken.add(key.name)
        self._live(rounds)

    @precondition(lambda self: "latest" in self.cluster.truth.archives)
    @rule(rounds=ROUNDS)
    def snapshots_are_lost(self, rounds: int) -> None:
        self.cluster.lose_snapshots()
        self._live(rounds)

    @rule(rounds=ROUNDS)
    def repair(self, rounds: int) -> None:
        self.cluster.truth.broken.clear()
        self._live(rounds)

    @rule(data=st.data(), rounds=ROUNDS)
    def somebody_deletes_a_child(self, data: st.DataObject, rounds: int) -> None:
        recorded = self.cluster.status.get("restored", "")
        keys = [
            k for k, obj in sorted(self.cluster.live.items()) if not protected(k, obj) and self._may_go(k, recorded)
        ]
        if keys:
            self.cluster.delete_child(data.draw(st.sampled_from(keys)))
        self._live(rounds)

    def _may_go(self, key: Key, recorded: str) -> bool:
        """Whether it may be deleted: deleting the only record of a completed restore repeats the restore."""
        return not key.name.startswith("restore") or not any(self.cluster.working("restore"))

    @rule(name=st.sampled_from(["backend", "storefront", "database"]), rounds=ROUNDS)
    def somebody_edits_a_child(self, name: str, rounds: int) -> None:
        for kind in ("Deployment", "StatefulSet"):
            if (key := self.cluster.key(kind, name)) in self.cluster.live:
                self.cluster.edit_child(key)
        self._live(rounds)

    @rule(host=st.sampled_from([OTHER, "shop.example.org"]), taken=st.booleans())
    def another_store_takes_or_leaves_a_host(self, host: str, taken: bool) -> None:
        held = {key.name for key in self.cluster.live if key.kind == "Hostname"}
        if not taken:
            self.cluster.truth.taken_hosts.discard(host)
        elif host not in held:
            self.cluster.truth.taken_hosts.add(host)

    # Invariants

    @invariant()
    def hold_always(self) -> None:
        cluster = self.cluster
        if cluster.gone or "deletionTimestamp" in cluster.parent["metadata"]:
            return
        self.made |= {key for key, obj in cluster.live.items() if protected(key, obj)}
        lost = self.made - set(cluster.live)
        assert not lost, f"data is deleted without a deletion: {lost}"
        self._restores_are_alone()
        self._nothing_is_reported_that_did_not_happen()

    def _restores_are_alone(self) -> None:
        cluster = self.cluster
        removed = {key.name for key in cluster.truth.removed}
        restoring = [name for name in cluster.working("restore") if name not in removed]
        others = [*cluster.working("backend"), *cluster.working("migrate"), *cluster.working("cron")]
        assert not (restoring and others), f"{others} run beside {restoring}"
        assert len(restoring) < 2, f"two restores at once: {restoring}"
        done = cluster.truth.restores
        assert len(done) == len(set(done)), f"a restore ran twice: {done}"

    def _nothing_is_reported_that_did_not_happen(self) -> None:
        cluster, status = self.cluster, self.cluster.status
        restored = {asked.partition("#")[0] for asked in cluster.truth.restores}
        assert status.get("restored", "") in {"", *restored}, f"{status['restored']} was not restored: {restored}"
        last = status.get("lastBackup", "")
        assert last in {"", *cluster.truth.snapshots, *cluster.truth.lost}, f"{last} was not made"
        backups = set(status.get("backups", []))
        assert backups <= set(cluster.truth.backups), f"{backups} were not all made: {cluster.truth.backups}"

    def hold_after_sync(self) -> None:
        """Check a response against the current state."""
        cluster, status = self.cluster, self.cluster.status
        if cluster.gone or "deletionTimestamp" in cluster.parent["metadata"]:
            return
        held = {key.name for key in cluster.live if key.kind == "Hostname"}
        for url in (status.get("url"), status.get("adminURL")):
            assert url is None or url.split("/")[2] in held, f"{url} does not belong to this store: {held}"
        before = {rule["host"] for obj in self.cluster.past[-1][1].values() for rule in _rules(obj)}
        moved = {rule["host"] for obj in cluster.live.values() for rule in _rules(obj)} - before
        assert moved <= held, f"an Ingress moves to {moved}, which this store does not hold: {held}"
        stops = any(c["kind"] == "StatefulSet" and c["spec"]["replicas"] == 0 for c in cluster.answer["children"])
        began_before = self.cluster.past[-1][1]
        database = began_before.get(cluster.key("StatefulSet", "database"), {})
        was_up = database.get("spec", {}).get("replicas", 0) > 0
        at_work = [n for n in cluster.working("") if n.startswith(USING_THE_DATABASE)]
        running = [n for n in at_work if cluster.pods[n].running]
        assert not (stops and was_up and running), f"the database stops under {running}"
        if cluster.condition("Ready").get("status") == "True":
            idle = [key.name for key, obj in began_before.items() if obj.get("spec", {}).get("replicas") == 0]
            assert not idle, f"Ready while {idle} are to have no pods"

    # A way forward

    def teardown(self) -> None:
        cluster = self.cluster
        cluster.truth.broken.clear()
        cluster.reach(cluster.parent["spec"].get("expiresAt"))
        cluster.settle()
        self.hold_always()
        self.hold_after_sync()
        self._is_steady()
        for _ in range(6):
            if self._is_well():
                return
            self._take_the_named_action()
            cluster.settle()
            self.hold_always()
        raise AssertionError(f"no way forward: {cluster.condition('Ready')}")

    def _is_steady(self) -> None:
        """Check that nothing is written any more, however often the hooks are called."""
        cluster = self.cluster
        if cluster.gone:
            return
        for seconds in (0, 60):
            writes, before = cluster.writes, cluster.status
            cluster.wait(seconds)
            cluster.sync()
            assert cluster.writes == writes, f"writes in steady state: {before} became {cluster.status}"

    def _is_well(self) -> bool:
        cluster, status = self.cluster, self.cluster.status
        if cluster.gone:
            return True
        assert "deletionTimestamp" not in cluster.parent["metadata"], f"a deleted store stays: {status}"
        ready = cluster.condition("Ready")
        if status["phase"] == "Suspended":
            assert not cluster.database_runs, "a suspended store's database runs"
            assert ready["reason"] in ("Suspended", "Expired"), ready
            return True
        if ready["status"] == "True":
            self._what_is_reported_works()
            return cluster.condition("RestoreChecked").get("status", "True") == "True"
        return False

    def _what_is_reported_works(self) -> None:
        cluster, status = self.cluster, self.cluster.status
        release, data = status["release"], cluster.truth.data
        assert cluster.pods["backend"].running, "Ready without a backend"
        assert cluster.pods["backend"].version == release["running"] == data.version, (cluster.pods, release, data)
        wanted = cluster.parent["spec"].get("restoreFrom")
        checked = cluster.condition("RestoreChecked").get("status", "True") == "True"
        if wanted and checked:
            assert status.get("restored") == f"demo/{wanted['backup']}", (wanted, status.get("restored"))
        assert data.origin.partition("#")[0] == status.get("restored", ""), (data, status.get("restored"))
        if asked := (cluster.parent["spec"].get("backup") or {}).get("requestedAt"):
            made = cluster.condition("BackupMade")
            saved = made["status"] == "True" and asked in cluster.truth.saved
            assert saved or made["reason"] == "JobFailed", made
        host = cluster.parent["spec"].get("hostname") or OWN
        assert status["url"] == f"http://{host}", (status["url"], host)

    def _take_the_named_action(self) -> None:
        """Do what the message of a store that is not ready says."""
        cluster, ready = self.cluster, self.cluster.condition("Ready")
        checked = cluster.condition("RestoreChecked")
        message = ready["message"] if ready["status"] != "True" else checked["message"]
        assert REMEDIES.search(message), f"the message names no action: {message}"
        if "host" in message and ready["reason"] == "HostnameTaken":
            cluster.change(hostname="free.example.com")
        elif "or name another backup" in message and "or remove it" not in message:
            cluster.change(restoreFrom={"backup": "latest", "requestedAt": cluster.written()})
        elif "estore" in message.partition(":")[0] or checked.get("status") == "False":
            cluster.change(restoreFrom=None)
        elif "Migrated" in message or cluster.status["release"].get("target") in (UNMIGRATABLE, UNSTARTABLE):
            self._delete_failed_jobs()
            cluster.change(version=GOOD)
        else:
            self._delete_failed_jobs()

    def _delete_failed_jobs(self) -> None:
        """As "delete the Job to run it again" says."""
        for key, obj in list(self.cluster.live.items()):
            if any(c["type"] == "Failed" for c in obj.get("status", {}).get("conditions", [])):
                self.cluster.delete_child(key)


def _rules(obj: Object) -> list[Object]:
    rules: list[Object] = obj["spec"]["rules"] if obj["kind"] == "Ingress" else []
    return rules
