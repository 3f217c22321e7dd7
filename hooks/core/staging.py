"""What is desired now: one stage after another, and nothing taken away that is there.

A stage's objects are asked for once all earlier stages are as they should be. Objects of later stages that
are there already stay as they were last applied, so a shop goes on serving while an earlier stage is mended.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .keeping import as_applied, protected, update
from .pods import selected, started
from .progress import Blocker, blocker, number
from .render import REVISION, Manifest, Stage
from .request import Object, SyncRequest, dig
from .workloads import SERVING, serving, without_pods


@dataclass
class Plan:
    """``children`` to answer with; ``blockers``: what keeps each condition from holding, in order of making,
    None where nothing does; ``first_blocked``: the first of them; ``notes``: what is not as the spec says and
    never will be, as sentences' ends; ``migrated``: whether a migration can be seen to have begun."""

    children: list[Object] = field(default_factory=list)
    blockers: dict[str, Blocker | None] = field(default_factory=dict)
    first_blocked: tuple[str, Blocker] | None = None
    notes: list[str] = field(default_factory=list)
    migrated: bool = False

    def judge(self, condition: str, found: Blocker | None) -> None:
        """Note a stage's outcome. Stages may share a condition: the first that blocks speaks for it."""
        found = self.blockers.pop(condition, None) or found
        self.blockers[condition] = found
        if found and self.first_blocked is None:
            self.first_blocked = (condition, found)


def plan(stages: tuple[Stage, ...], request: SyncRequest, expandable: bool) -> Plan:
    """Walk the stages. Every rendered object is answered, kept or held back; the protected are always kept.

    :param expandable: whether a volume can grow.
    """
    result = Plan()
    offline = False
    for place, stage in enumerate(stages):
        waits_for = result.first_blocked
        if stage.offline and waits_for is None and _unfinished(stage, request):
            offline = True
            if still := serving(stages[place + 1 :], request):
                result.judge(stage.condition, still)
                waits_for = result.first_blocked
        found: Blocker | None = None
        unbound: Blocker | None = None  # blocks nothing by itself: some classes bind once a pod uses the claim
        for manifest in stage.manifests:
            seen = request.observed.get(manifest.key)
            if seen is None:
                if waits_for is None:
                    result.children.append(manifest.body)
                found = found or _missing(manifest, waits_for)
                continue
            wanted = update(manifest, seen, expandable, result.notes)
            if waits_for is None:
                result.children.append(wanted)
            else:
                result.children.append(_held(seen, at_zero=offline and manifest.key.kind == SERVING))
            its = blocker(manifest.key, seen, request.pods) or _outdated(manifest, seen, wanted)
            if its and its.reason == "VolumePending":
                unbound = unbound or its
            else:
                found = found or its
            result.migrated |= stage.condition == "Migrated" and _began(seen, request)
        if stage.manifests:
            result.judge(stage.condition, unbound if found and unbound else found)
    result.children += leftovers(stages, request, everything=result.first_blocked is not None)
    return result


def _held(seen: Object, at_zero: bool) -> Object:
    applied = as_applied(seen)
    return without_pods(applied) if at_zero and isinstance(applied.get("spec"), dict) else applied


def _unfinished(stage: Stage, request: SyncRequest) -> bool:
    seen = [(manifest.key, request.observed.get(manifest.key)) for manifest in stage.manifests]
    return any(obj is None or blocker(key, obj) is not None for key, obj in seen)


def _began(job: Object, request: SyncRequest) -> bool:
    """Whether a Job has touched anything. One whose image never came has not."""
    if job["kind"] != "Job":
        return False
    if any(number(job, "status", count) for count in ("failed", "succeeded", "ready")):
        return True
    pods = selected(request.pods, job)
    return number(job, "status", "active") > 0 and (not request.pods or any(map(started, pods)))


def leftovers(stages: Iterable[Stage], request: SyncRequest, everything: bool) -> list[Object]:
    """What no template names any more: it goes once all that is named is there, the protected never."""
    named = {manifest.key for stage in stages for manifest in stage.manifests}
    left = [(key, seen) for key, seen in request.observed.items() if key not in named]
    return [as_applied(seen) for key, seen in left if everything or protected(key, seen)]


def _missing(manifest: Manifest, waits_for: tuple[str, Blocker] | None) -> Blocker:
    if waits_for:
        return Blocker("Waiting", f"waits for {waits_for[0]}")
    return Blocker("Creating", f"{manifest.key} is being made", subject=str(manifest.key))


def _outdated(manifest: Manifest, seen: Object, wanted: Object) -> Blocker | None:
    if dig(seen, "metadata", "annotations", REVISION) == dig(wanted, "metadata", "annotations", REVISION):
        return None
    return Blocker("Updating", f"{manifest.key} is being changed", subject=str(manifest.key))
