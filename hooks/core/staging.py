"""Compute the desired children, stage by stage. Nothing observed is removed.

Workloads and Jobs of a stage are desired once all earlier stages are ready. Objects that run nothing (Services, claims,
policies, the Ingress) are desired as soon as the namespace belongs to the store, and then change with their stage.
Existing objects of later stages stay as they were last applied, so a shop keeps serving while an earlier stage is
repaired.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from . import jobs
from .objects import Key, Object, dig
from .progress import Blocker, blocker
from .render import REVISION, Manifest, RenderedStage
from .request import SyncRequest
from .retention import as_applied, disposable, protected, update
from .workloads import WORKLOADS, idle, serving, stopped, stopping, stuck, without_pods

# The reason that keeps a Job from being created again while the store is closed.
CLOSED = Blocker("Suspended", "is not created while the store is suspended")


@dataclass
class Desired:
    """``children``: those of the response.

    ``blockers``: what keeps each condition from being True, in order of the stages, None if nothing does.
    ``first_blocked``: the first of them. ``optional``: the same for optional stages, by condition. ``notes``:
    deviations from the spec that will remain, as endings of sentences.
    """

    children: list[Object] = field(default_factory=list)
    blockers: dict[str, Blocker | None] = field(default_factory=dict)
    first_blocked: tuple[str, Blocker] | None = None
    optional: dict[str, Blocker | None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def judge(self, condition: str, found: Blocker | None) -> None:
        """Record a stage's result. If stages share a condition, the first that is blocked determines it."""
        found = self.blockers.pop(condition, None) or found
        self.blockers[condition] = found
        if found and self.first_blocked is None:
            self.first_blocked = (condition, found)


def plan(stages: tuple[RenderedStage, ...], request: SyncRequest, migrated: str, expandable: bool) -> Desired:
    """Return what is desired of an open store.

    Every rendered object is either included or held back; protected ones are always included.

    :param migrated: the request of the running version's migration.
    :param expandable: whether volumes can grow.
    """
    result, stages = Desired(), _continued(stages, request)
    superseded, saving = _superseded(stages, request), _saving(stages, request)
    rolling = _rolling(stages, request)
    offline = placed = False
    for place, stage in enumerate(stages):
        if stage.optional:
            _plan_optional(stage, request, result)
            continue
        waits_for = result.first_blocked
        if waits_for is None and superseded and (stage.offline or _has_jobs(stage)):
            result.judge(stage.condition, superseded)
            waits_for = result.first_blocked
        if waits_for is None and saving and _has_jobs(stage) and _unfinished(stage, request):
            result.judge(stage.condition, saving)
            waits_for = result.first_blocked
        if stage.offline and waits_for is None and _unfinished(stage, request):
            offline = True
            if still := serving(stages[place + 1 :], request):
                result.judge(stage.condition, still)
                waits_for = result.first_blocked
        found: Blocker | None = None
        # does not block: some storage classes bind a volume only when a pod uses the claim
        unbound: Blocker | None = None
        for manifest in stage.manifests:
            seen = request.observed.get(manifest.key)
            if seen is None:
                if waits_for is None or _needs_no_turn(manifest, placed):
                    result.children.append(manifest.body)
                found = found or _missing(manifest, waits_for)
                continue
            wanted = update(manifest, seen, expandable, result.notes, rolling)
            if waits_for is None:
                result.children.append(without_pods(wanted) if stuck(manifest.key, seen, request) else wanted)
            else:
                result.children.append(idle(seen) if offline else as_applied(seen))
            its = blocker(manifest.key, seen, request.pods, request.now) or _outdated(manifest, seen, wanted)
            if its and its.reason == "VolumePending":
                unbound = unbound or its
            else:
                found = found or its
        if stage.manifests:
            result.judge(stage.condition, unbound if found and unbound else found)
        placed = placed or (stage.role == "place" and result.first_blocked is None)
    result.children += leftovers(stages, request, migrated, everything=result.first_blocked is not None)
    return result


def close(stages: tuple[RenderedStage, ...], request: SyncRequest, migrated: str, expandable: bool) -> Desired:
    """Return what is desired of a store that is closing: everything observed, workloads without pods, and nothing new.

    What serves stops first. A Job with a running pod finishes; any other unfinished Job is removed and created again
    when the store is opened. The database stops last. Objects that come after a missing one stay as they were applied:
    an Ingress never names a host that the store does not hold.
    """
    result, stages = Desired(), _continued(stages, request)
    at_work = [key for key, seen in request.observed.items() if key.kind == "Job" and jobs.at_work(seen, request)]
    in_use = serving(stages, request) is not None or bool(at_work)
    incomplete = False
    for stage in stages:
        for manifest in stage.manifests:
            seen = request.observed.get(manifest.key)
            if seen is None:
                if stage.optional:
                    continue
                incomplete = incomplete or manifest.key.kind != "Job"
                result.judge(stage.condition, replace(CLOSED, message=f"{manifest.key} {CLOSED.message}"))
                continue
            if stage.optional and manifest.key.kind != "Job":
                result.children.append(manifest.body)
                result.optional[stage.condition] = blocker(manifest.key, seen)
                continue
            if manifest.key.kind == "Job":
                found = _closing_job(manifest, seen, manifest.key in at_work, result)
                if stage.optional:
                    result.optional[stage.condition] = found
                else:
                    result.judge(stage.condition, found)
                continue
            if manifest.key.kind == "StatefulSet" and in_use:
                result.children.append(as_applied(seen))
            elif incomplete:
                result.children.append(without_pods(as_applied(seen)))
            else:
                result.children.append(without_pods(update(manifest, seen, expandable, result.notes)))
            result.judge(stage.condition, _closing(manifest.key, seen, request))
    result.children += leftovers(stages, request, migrated, everything=True)
    return result


def leftovers(stages: Iterable[RenderedStage], request: SyncRequest, migrated: str, everything: bool) -> list[Object]:
    """Return the objects to keep that no template names any more: they are removed once all that is named is ready;
    protected ones never.

    A Job that is still running loses its pods before it is removed. Records of restores stay. A completed migration is
    removed at once unless it is the running version's, because it could be mistaken for one of other data.

    :param migrated: the request of the running version's migration.
    """
    named = {manifest.key for stage in stages for manifest in stage.manifests}
    records = jobs.records(request)
    kept: list[Object] = []
    for key, seen in request.observed.items():
        if key in named:
            continue
        if key.kind == "Job" and not jobs.finished(seen):
            kept += [stopped(seen)] if jobs.has_pods(seen) else []
        elif jobs.request_of(seen).startswith("migrate ") and jobs.complete(seen) and jobs.request_of(seen) != migrated:
            continue
        elif everything or protected(key, seen) or seen in records:
            kept.append(as_applied(seen))
    return kept


def _continued(stages: tuple[RenderedStage, ...], request: SyncRequest) -> tuple[RenderedStage, ...]:
    """Return the stages, in which an active or complete Job of the same request replaces a Job whose template has
    changed.

    A Job's name contains a hash of its spec. Without this, a new image or setting would repeat a restore.
    """
    return tuple(
        replace(stage, manifests=tuple(_same_request(m, request) for m in stage.manifests))
        if any(jobs.request_of(m.body) for m in stage.manifests)
        else stage
        for stage in stages
    )


def _same_request(manifest: Manifest, request: SyncRequest) -> Manifest:
    wanted = jobs.request_of(manifest.body)
    if not wanted or manifest.key in request.observed or wanted.startswith("migrate "):
        return manifest  # a migration with another setting is run again: it changes only what is still different
    for job in jobs.answering(request, wanted):
        if jobs.complete(job) or jobs.at_work(job, request):
            return Manifest(Key.of(job), as_applied(job))
    return manifest


def _superseded(stages: tuple[RenderedStage, ...], request: SyncRequest) -> Blocker | None:
    """Return a Job that still has pods although no template names it any more: nothing else may access the data
    meanwhile.
    """
    named = {manifest.key for stage in stages for manifest in stage.manifests}
    for key, seen in request.observed.items():
        if key.kind != "Job" or key in named or disposable(seen):
            continue
        if not jobs.finished(seen) and jobs.has_pods(seen):
            return Blocker("Stopping", f"{key} is not needed any more and is being stopped", subject=str(key))
    return None


def _rolling(stages: tuple[RenderedStage, ...], request: SyncRequest) -> bool:
    """Whether a workload is not up to date, so that pods of its previous state may exist."""
    seen = [(m, request.observed.get(m.key)) for stage in stages for m in stage.manifests if m.key.kind in WORKLOADS]
    return any(obj and (blocker(m.key, obj) or _outdated(m, obj, m.body)) for m, obj in seen)


def _saving(stages: Iterable[RenderedStage], request: SyncRequest) -> Blocker | None:
    """Return the Job of a requested backup while it has pods: it finishes before another Job accesses the data."""
    for manifest in (manifest for stage in stages if stage.role == "save" for manifest in stage.manifests):
        seen = request.observed.get(manifest.key)
        if seen and not jobs.finished(seen) and jobs.has_pods(seen):
            key = str(manifest.key)
            return Blocker("Stopping", f"{key} is being stopped, and will be created again later", subject=key)
    return None


def _plan_optional(stage: RenderedStage, request: SyncRequest, result: Desired) -> None:
    """Handle an optional stage, such as a check of a backup while the shop is open.

    A requested backup gives way to any other work, and is made again after it.
    """
    for manifest in stage.manifests:
        seen = request.observed.get(manifest.key)
        if seen is None:
            result.children += [manifest.body] if result.first_blocked is None else []
            found: Blocker | None = _missing(manifest, result.first_blocked)
        elif stage.role == "save" and result.first_blocked and not jobs.finished(seen):
            result.children.append(stopped(seen))
            found = _missing(manifest, result.first_blocked)
        else:
            result.children.append(manifest.body)
            found = blocker(manifest.key, seen, request.pods, request.now)
        result.optional[stage.condition] = found


def _closing_job(manifest: Manifest, seen: Object, at_work: bool, result: Desired) -> Blocker | None:
    """Keep a Job that is finished or running; return what keeps its condition from being True."""
    if jobs.finished(seen):
        result.children.append(manifest.body)
        return blocker(manifest.key, seen)
    if at_work:
        result.children.append(as_applied(seen))
        return Blocker("Stopping", f"{manifest.key} finishes first", subject=str(manifest.key))
    return replace(CLOSED, message=f"{manifest.key} {CLOSED.message}")


def _closing(key: Key, seen: Object, request: SyncRequest) -> Blocker | None:
    if key.kind not in WORKLOADS or key.kind == "CronJob":
        return None
    return stopping(key, seen, request) or Blocker("Suspended", f"{key} has no pods")


def _has_jobs(stage: RenderedStage) -> bool:
    return any(manifest.key.kind == "Job" for manifest in stage.manifests)


def _unfinished(stage: RenderedStage, request: SyncRequest) -> bool:
    seen = [(manifest.key, request.observed.get(manifest.key)) for manifest in stage.manifests]
    return any(obj is None or blocker(key, obj) is not None for key, obj in seen)


def _needs_no_turn(manifest: Manifest, placed: bool) -> bool:
    """Whether an object is desired before its stage's turn: one that runs nothing, once its namespace is the store's.

    :param placed: whether the store holds the host and the namespace.
    """
    return placed and manifest.key.kind not in (*WORKLOADS, "Job")


def _missing(manifest: Manifest, waits_for: tuple[str, Blocker] | None) -> Blocker:
    if waits_for:
        return Blocker("Waiting", f"waits for {waits_for[0]}")
    return Blocker("Creating", f"{manifest.key} is being created", subject=str(manifest.key))


def _outdated(manifest: Manifest, seen: Object, wanted: Object) -> Blocker | None:
    revised = dig(seen, "metadata", "annotations", REVISION) != dig(wanted, "metadata", "annotations", REVISION)
    # A StatefulSet or Deployment that was left without pods has its manifest's revision and would count as ready,
    # because it wants no pods.
    idle = manifest.key.kind in WORKLOADS and seen.get("spec") == without_pods(seen).get("spec")
    if not revised and not idle:
        return None
    return Blocker("Updating", f"{manifest.key} is being changed", subject=str(manifest.key))
