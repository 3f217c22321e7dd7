"""A simulated cluster around one store, event by event, with the real state separate from the reported one.

``World`` immediately reaches the state that a cluster reaches eventually. Here each controller takes its own steps, so
that any of them may be late, fail, or be overtaken: Metacontroller (whose cache may be stale, and whose writes may be
lost), the Job, Deployment, StatefulSet and CronJob controllers, kubelets, other stores that hold hosts, and people who
delete and edit. ``tests/stores/test_replay.py`` compares it with the real API server and controllers.
"""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from storeplatform.hooks.core import SyncRequest, sync
from storeplatform.hooks.core.jobs import request_of
from storeplatform.hooks.core.objects import LAST_APPLIED, Key, Object
from storeplatform.hooks.settings import Settings

GOOD, NEW, UNMIGRATABLE, UNSTARTABLE = "2.21.2", "2.22.0", "2.23.0", "2.24.0"
VERSIONS = [GOOD, NEW, UNMIGRATABLE, UNSTARTABLE]
DOMAIN = "stores.localhost"
HISTORY = 4
# In seconds: longer than the resync of a store that is not in steady state.
SETTLED_SECONDS = 60


@dataclass
class Data:
    """The database's state: the restore it came from, the version it was migrated to, and the number of writes."""

    origin: str = ""
    version: str = ""
    orders: int = 0


@dataclass
class Pods:
    """The pods of one workload or Job: ``version`` is the image's."""

    running: int = 0
    pending: int = 0
    ending: int = 0
    version: str = ""


@dataclass
class Truth:
    """The real state, which the hooks can't see."""

    data: Data = field(default_factory=Data)
    archives: dict[str, Data] = field(default_factory=dict)
    snapshots: dict[str, Data] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    restores: list[str] = field(default_factory=list)
    backups: list[str] = field(default_factory=list)
    saved: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    taken_hosts: set[str] = field(default_factory=set)
    removed: set[Key] = field(default_factory=set)


class Simulation:
    """One store in a cluster. Every method is one event.

    :param sees_pods: whether pods are related (podDiagnosis).
    :param unmigratable: the version whose migration fails.
    """

    def __init__(
        self, settings: Settings, parent: Object, sees_pods: bool = True, unmigratable: str = UNMIGRATABLE
    ) -> None:
        self.settings, self.parent, self.sees_pods, self.unmigratable = settings, parent, sees_pods, unmigratable
        self.live: dict[Key, Object] = {}
        self.pods: dict[str, Pods] = {}
        self.truth = Truth()
        self.now = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
        self.version = 0
        self.writes = 0
        self.past: list[tuple[Object, dict[Key, Object], int]] = []
        self.gone = False
        self._asks_at: datetime | None = None
        self._asked_about: tuple[int, int] | None = None
        self._copies: dict[Key, tuple[Any, Object]] = {}
        self.answer: Object = {}

    # Metacontroller

    def sync(self, parent_age: int = 0, children_age: int = 0, lost: str = "") -> None:
        """Ask the core and apply its response.

        An age is the number of syncs by which a part of the observed state is stale.

        :param lost: "status" or "children": these writes fail.
        """
        if self.gone:
            return
        self.past = [*self.past, (_copied(self.parent), self._frozen(), self.version)][-HISTORY:]
        parent = self.past[max(0, len(self.past) - 1 - parent_age)][0]
        _, seen, version = self.past[max(0, len(self.past) - 1 - children_age)]
        deleted = "deletionTimestamp" in parent["metadata"]
        request = SyncRequest(parent, seen, deleted, self.written(), self._pods() if self.sees_pods else ())
        # What is not seen yet causes an event later, and a failed write is retried.
        self._asked_about = (version, parent["metadata"]["generation"]) if lost != "children" else None
        self.answer = orjson.loads(orjson.dumps(sync(request, self.settings)))
        self._asks_at = self.now + timedelta(seconds=self.answer["resyncAfterSeconds"])
        if self.answer["finalized"] and deleted:
            self.gone = True
            return
        if lost != "children":
            self._apply(seen)
        status = {**self.answer["status"], "observedGeneration": parent["metadata"]["generation"]}
        if lost != "status" and status != self.parent.get("status"):
            self.parent["status"] = status
            self.writes += 1

    def _apply(self, seen: dict[Key, Object]) -> None:
        desired = {Key.of(child): child for child in self.answer["children"]}
        for key, old in seen.items():
            if key not in desired and key in self.live and self._uid(key) == old["metadata"]["uid"]:
                self.writes += 1
                self._remove(key)
        for key, child in desired.items():
            if key not in seen and key not in self.live:
                self._create(key, child)
            elif key in seen and key in self.live and self._revision(self.live[key]) == self._revision(seen[key]):
                self._update(key, child)

    def _create(self, key: Key, child: Object) -> None:
        if key.kind == "Hostname" and key.name in self.truth.taken_hosts:
            return
        if key.kind not in ("Hostname", "Namespace") and not any(k.kind == "Namespace" for k in self.live):
            return
        obj = _copied(child)
        self.version += 1
        obj["metadata"] |= {"uid": f"uid-{self.version}", "generation": 1, "creationTimestamp": self.written()}
        if key.kind == "Job":
            obj["spec"]["selector"] = {"matchLabels": {"job-uid": obj["metadata"]["uid"]}}
        self.live[key] = obj
        self._note(key, child)

    def _update(self, key: Key, child: Object) -> None:
        live = self.live[key]
        fields = [name for name in child if name not in ("metadata", "apiVersion", "kind", "status")]
        applied = orjson.loads(live["metadata"].get("annotations", {}).get(LAST_APPLIED, "{}"))
        changed = [name for name in fields if not _covers(live.get(name), child[name]) or name not in live]
        if not changed and applied == child:
            return
        for name in changed:
            live[name] = _merged(live.get(name), child[name])
        if "spec" in changed:
            live["metadata"]["generation"] += 1
        live["metadata"]["labels"] = child["metadata"].get("labels", {})
        self._note(key, child)

    def _note(self, key: Key, child: Object) -> None:
        self.writes += 1
        self.version += 1
        annotations = {**child["metadata"].get("annotations", {}), LAST_APPLIED: orjson.dumps(child).decode()}
        self.live[key]["metadata"] |= {"annotations": annotations, "resourceVersion": str(self.version)}

    def _remove(self, key: Key) -> None:
        """Background deletion: the object is removed at once, its pods end later."""
        self.live.pop(key)
        self.version += 1
        if pods := self.pods.get(key.name):
            pods.ending, pods.running, pods.pending = pods.ending + pods.running, 0, 0
        if key.kind == "Namespace":
            for inner in [k for k in self.live if k.namespace == key.name]:
                self._remove(inner)

    # The kinds' controllers and the kubelet

    def step(self, key: Key) -> bool:
        """Let the controller of one object and its pods take one step; return whether anything changed."""
        obj = self.live.get(key)
        if obj is None:
            return False
        before = (_copied(obj.get("status")), copy.copy(self.pods.get(key.name)))
        match key.kind:
            case "Namespace":
                obj["status"] = {"phase": "Active"}
            case "PersistentVolumeClaim":
                obj["status"] = {"phase": "Bound"}
            case "Job":
                self._step_job(key, obj)
            case "Deployment" | "StatefulSet":
                self._step_workload(key, obj)
            case "CronJob":
                self._step_cron_job(key, obj)
        changed = before != (obj.get("status"), self.pods.get(key.name))
        if changed:
            self._changed(key)
        return changed

    def end_pods(self) -> bool:
        """End the pods that are terminating; return whether there were any."""
        ending = [pods for pods in self.pods.values() if pods.ending]
        for pods in ending:
            pods.ending = 0
        return bool(ending)

    def _step_workload(self, key: Key, obj: Object) -> None:
        pods = self.pods.setdefault(key.name, Pods())
        wanted, version = obj["spec"]["replicas"], self._image_version(obj)
        if pods.running and (pods.version != version or not wanted):
            pods.ending, pods.running = pods.ending + pods.running, 0
        elif wanted and not pods.ending:
            pods.running, pods.version = wanted, version
        available = pods.running if self._works(key, pods) else 0
        obj["status"] = {
            "observedGeneration": obj["metadata"]["generation"],
            "replicas": pods.running,
            "terminatingReplicas": pods.ending,
            "updatedReplicas": pods.running,
            "readyReplicas": available,
            "availableReplicas": available,
        }

    def _works(self, key: Key, pods: Pods) -> bool:
        if key.name in self.truth.broken or pods.version == UNSTARTABLE:
            return False
        if key.name == "database":
            return True
        if key.name == "backend":
            return self.database_runs and self.truth.data.version != ""
        return bool(self.live.get(self.key("Deployment", "backend"), {}).get("status", {}).get("availableReplicas"))

    def _step_job(self, key: Key, job: Object) -> None:
        pods, status = self.pods.setdefault(key.name, Pods()), job.setdefault("status", {})
        if _condition(status, "Complete") or _condition(status, "Failed"):
            return
        if job["spec"].get("suspend"):
            if pods.running or pods.pending:
                pods.ending, pods.running, pods.pending = pods.ending + pods.running, 0, 0
            self._count(status, pods)
            return
        if not (pods.pending or pods.running or pods.ending):
            pods.pending = 1
            status.setdefault("startTime", self.written())
        elif pods.pending:
            pods.pending, pods.running, pods.version = 0, 1, self._image_version(job)
        elif pods.running:
            pods.running = 0
            self._end_try(key, job)
        self._count(status, pods)

    def _count(self, status: Object, pods: Pods) -> None:
        counts = {"active": pods.pending + pods.running, "ready": pods.running, "terminating": pods.ending}
        for name, count in counts.items():
            status[name] = count

    def _end_try(self, key: Key, job: Object) -> None:
        status = job["status"]
        outcome = self._work(key, job) if self.database_runs and key.name not in self.truth.broken else "failed"
        if outcome == "done":
            status["succeeded"], status["completionTime"] = 1, self.written()
            status["conditions"] = [{"type": "Complete", "status": "True"}]
            return
        status["failed"] = status.get("failed", 0) + 1
        if outcome == "impossible" or status["failed"] > job["spec"]["backoffLimit"]:
            status["conditions"] = [{"type": "Failed", "status": "True", "message": "Job has reached its limit"}]

    def _work(self, key: Key, job: Object) -> str:
        """Apply a Job's work to the data: return "done", "failed", or "impossible" if a retry can't help."""
        truth = self.truth
        what, _, asked = request_of(job).partition(" ")
        if what in ("check", "restore"):
            name = job["spec"]["template"]["spec"]["containers"][0]["args"][1]
            found = truth.snapshots.get(name.removeprefix("snapshot/")) or truth.archives.get(name)
            if found is None:
                return "impossible"
            if what == "restore":
                truth.data = Data(found.origin if asked.startswith("snapshot/") else asked, found.version, found.orders)
                truth.restores.append(asked)
        elif what == "backup":
            truth.archives["latest"] = copy.copy(truth.data)
            truth.backups.append(self.written())
            truth.saved.add(asked)
        elif what == "snapshot":
            truth.snapshots.setdefault(asked, copy.copy(truth.data))
        elif self._image_version(job) == self.unmigratable:
            truth.data.version = f"half {self.unmigratable}"
            return "failed"
        else:
            truth.data.version = self._image_version(job)
        return "done"

    def _step_cron_job(self, key: Key, obj: Object) -> None:
        """A run starts, works, and ends with an archive."""
        pods, status = self.pods.setdefault(key.name, Pods()), obj.setdefault("status", {})
        if not pods.running and not obj["spec"]["suspend"] and self.database_runs and not pods.ending:
            pods.running, pods.version = 1, GOOD
            status |= {"active": [{"name": f"{key.name}-1"}], "lastScheduleTime": self.written()}
        elif pods.running:
            pods.running = 0
            status["active"] = []
            if self.database_runs:
                status["lastSuccessfulTime"] = self.written()
                if key.name == "backup":
                    self.truth.archives["latest"] = copy.copy(self.truth.data)
                    self.truth.backups.append(self.written())

    # People and other stores

    def change(self, **spec: Any) -> None:
        """Edit the spec; None removes a field."""
        new = {k: v for k, v in {**self.parent["spec"], **spec}.items() if v is not None}
        if new != self.parent["spec"] and not self.gone:
            self.parent["spec"] = new
            self.parent["metadata"]["generation"] += 1

    def delete_store(self) -> None:
        """Request the store's deletion."""
        self.parent["metadata"].setdefault("deletionTimestamp", self.written())

    def delete_child(self, key: Key) -> None:
        """Somebody deletes a child of the store."""
        self.truth.removed.add(key)
        self._remove(key)

    def edit_child(self, key: Key) -> None:
        """Somebody changes a workload's number of pods."""
        self.live[key]["spec"]["replicas"] = 3
        self.live[key]["metadata"]["generation"] += 1
        self._changed(key)

    def report(self, key: Key, **status: Any) -> None:
        """A controller or a kubelet reports another state of an object."""
        self.live[key]["status"] = {**self.live[key].get("status", {}), **status}
        self._changed(key)

    def _changed(self, key: Key) -> None:
        self.version += 1
        self.live[key]["metadata"]["resourceVersion"] = str(self.version)

    def lose_snapshots(self) -> None:
        """The volume or bucket with the snapshots loses them."""
        self.truth.lost |= set(self.truth.snapshots)
        self.truth.snapshots.clear()

    def order(self) -> None:
        """A shopper buys something if a backend serves."""
        if self.serves:
            self.truth.data.orders += 1

    def wait(self, seconds: float) -> None:
        """Advance the clock."""
        self.now += timedelta(seconds=seconds)

    def reach(self, time: str | None) -> None:
        """Advance the clock to that time, which may be days away."""
        ahead = datetime.fromisoformat(time) - self.now if time else timedelta()
        if timedelta() < ahead < timedelta(days=3):
            self.now += ahead

    # State

    @property
    def database_runs(self) -> bool:
        return self.pods.get("database", Pods()).running > 0

    @property
    def serves(self) -> bool:
        """Whether any pod that may write orders exists, including terminating ones."""
        backend = self.pods.get("backend", Pods())
        return backend.running + backend.ending > 0

    def working(self, prefix: str) -> list[str]:
        """Return the Jobs of that name that have a pod which is running or terminating."""
        return [n for n, pods in self.pods.items() if n.startswith(prefix) and pods.running + pods.ending > 0]

    @property
    def status(self) -> Object:
        found: Object = self.parent.get("status", {})
        return found

    def condition(self, kind: str) -> Object:
        """Return a condition of the Store."""
        return next((c for c in self.status.get("conditions", []) if c["type"] == kind), {})

    def key(self, kind: str, name: str) -> Key:
        """Return the key of the first live object of that kind and name, or a key that matches nothing."""
        return next((k for k in self.live if (k.kind, k.name) == (kind, name)), Key("", kind, "", name))

    def written(self) -> str:
        return self.now.strftime("%Y-%m-%dT%H:%M:%SZ")

    def settle(self, rounds: int = 120) -> None:
        """Let the cluster work, without other events, until nothing changes.

        The hooks are called when the spec or a child has changed, and when they requested a resync. A status change is
        no event.

        :raise AssertionError: that does not end, or something was left for the resync in steady state.
        """
        for _ in range(rounds):
            before = (self.writes, self.version)
            asked = self._asks()
            if asked:
                self.sync()
            moved = [self.step(key) for key in list(self.live) if key.kind != "CronJob"]
            moved.append(self.end_pods())
            runs = [key for key in self.live if key.kind == "CronJob" and self.pods.get(key.name, Pods()).running]
            moved += [self.step(key) for key in runs]
            self.wait(5)
            still = not any(moved) and before == (self.writes, self.version)
            if self.gone:
                return
            if still and (asked or self._resync()) and not self._more_in_time():
                return
        raise AssertionError(f"no end: {self.status}")

    def _asks(self) -> bool:
        """Whether Metacontroller calls the hooks now. It does so for every status while a store is being deleted."""
        due = self._asks_at is None or self.now >= self._asks_at
        events = self._asked_about != (self.version, self.parent["metadata"]["generation"])
        return due or events or "deletionTimestamp" in self.parent["metadata"]

    def _resync(self) -> bool:
        """Advance the clock to the next resync; return whether there was one, and it changed nothing."""
        assert self._asks_at
        seconds, writes = (self._asks_at - self.now).total_seconds(), self.writes
        self.now = self._asks_at
        if seconds < SETTLED_SECONDS or self.parent["spec"].get("expiresAt"):
            return False
        self.sync()
        assert self.writes == writes, f"left for the next resync: {self.status}"
        return True

    def _more_in_time(self) -> bool:
        """Whether something waits only for time; if so, advance the clock."""
        ready = self.condition("Ready")
        if ready.get("status") == "True" or self.status.get("phase") in ("Failed", "Suspended"):
            return False
        self.wait(700)
        return True

    def _pods(self) -> tuple[Object, ...]:
        made = []
        for name, pods in self.pods.items():
            for state, count in (("running", pods.running), ("pending", pods.pending), ("ending", pods.ending)):
                made += [self._pod(name, state, number) for number in range(count)]
        return tuple(made)

    def _pod(self, name: str, state: str, number: int) -> Object:
        job = next((obj for key, obj in self.live.items() if (key.kind, key.name) == ("Job", name)), None)
        labels = {"job-uid": job["metadata"]["uid"]} if job else {"app.kubernetes.io/component": name}
        if name in ("backup", "cron"):
            labels = {"batch.kubernetes.io/job-name": f"{name}-1"}
        container = {"waiting": {"reason": "ContainerCreating"}} if state == "pending" else {"running": {}}
        pod = {"metadata": {"name": f"{name}-{state}-{number}", "labels": labels, "creationTimestamp": self.written()}}
        if state == "ending":
            pod["metadata"]["deletionTimestamp"] = self.written()
        statuses = [{"name": "c", "state": container, "ready": state == "running"}]
        return {**pod, "status": {"phase": "Running", "containerStatuses": statuses}}

    def _image_version(self, obj: Object) -> str:
        image: str = obj["spec"]["template"]["spec"]["containers"][0]["image"]
        return image.rpartition(":")[2]

    def _uid(self, key: Key) -> str:
        uid: str = self.live[key]["metadata"]["uid"]
        return uid

    @staticmethod
    def _revision(obj: Object) -> Any:
        return obj["metadata"]["uid"], obj["metadata"].get("resourceVersion")

    def _frozen(self) -> dict[Key, Object]:
        """Return a copy of the live objects. An unchanged object is the same copy, because nobody changes copies."""
        before, self._copies = self._copies, {}
        for key, obj in self.live.items():
            revision, copied = before.get(key, (None, None))
            fresh = revision == self._revision(obj) and copied is not None
            self._copies[key] = (self._revision(obj), copied if fresh else _copied(obj))
        return {key: copied for key, (_, copied) in self._copies.items()}


def _copied(value: Any) -> Any:
    """Return a copy of JSON data, much faster than copy.deepcopy."""
    return pickle.loads(pickle.dumps(value))


def _condition(status: Object, kind: str) -> bool:
    return any(c["type"] == kind and c["status"] == "True" for c in status.get("conditions", []))


def _covers(live: Any, wanted: Any) -> bool:
    """Whether a live value contains everything that is desired of it."""
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(name in live and _covers(live[name], wanted[name]) for name in wanted)
    return bool(live == wanted)


def _merged(live: Any, wanted: Any) -> Any:
    if isinstance(wanted, dict) and isinstance(live, dict):
        return {**live, **{name: _merged(live.get(name), wanted[name]) for name in wanted}}
    return _copied(wanted)
