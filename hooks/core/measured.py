"""Measurements of a store that stay in its status: when it was first ready, and what its backups reported."""

from __future__ import annotations

from typing import Any

import orjson

from storeplatform.common.times import moment, seconds_between, written

from .objects import Object, dig, mappings
from .request import SyncRequest

# What a backup reports beside its own size: the names in its report and in the status. The report is written by
# templates/common/images/backup.
COUNTS = ("databaseBytes", "uploadsBytes", "orders")
# The largest integer that every JSON parser represents exactly.
LARGEST = 2**53 - 1
LONGEST_REPORT = 1000
# In seconds. The node's clock (end of a pod) may be ahead of the control plane's (end of a Job).
SKEW_SECONDS = 60


def first_ready(request: SyncRequest, ready: bool) -> Object:
    """Return when the store was first ready; nothing if that was before this was measured."""
    known = request.status.get("firstReady")
    if isinstance(known, str):
        return {"firstReady": known}
    return {"firstReady": request.now} if ready and not dig(request.status, "release", "running") else {}


def usage(request: SyncRequest, backups: list[str]) -> Object:
    """Return the part of the status with the size of each listed backup, and the contents of the newest.

    :param backups: the times of the listed backups, newest first.
    """
    reports = _reports(request, backups)
    sizes = {time: report["bytes"] for time, report in reports.items() if "bytes" in report}
    known = request.status.get("backupSizes")
    if isinstance(known, dict):
        sizes |= {time: size for time, size in known.items() if time in backups and type(size) is int}
    counted = {time: report for time, report in reports.items() if report.keys() & set(COUNTS)}
    shown: Any = request.status.get("usage")
    shown_at = str(dig(shown, "measuredAt") or "")
    newest = max(counted, default="")
    if newest > shown_at:
        shown = {"measuredAt": newest, **{name: counted[newest][name] for name in COUNTS if name in counted[newest]}}
    return {
        **({"backupSizes": dict(sorted(sizes.items()))} if sizes else {}),
        **({"usage": shown} if isinstance(shown, dict) and dig(shown, "measuredAt") else {}),
    }


def _reports(request: SyncRequest, backups: list[str]) -> dict[str, Object]:
    """Return the reports of the observed backup pods, by the time of the backup.

    A pod ends before its Job is complete, so its backup is the first listed one at or after the end of the pod.
    """
    found: dict[str, Object] = {}
    for ended, numbers in sorted(_ended(request), key=lambda report: report[0], reverse=True):
        its = min((time for time in backups if seconds_between(ended, time) >= -SKEW_SECONDS), default="")
        if its and numbers:
            found.setdefault(its, numbers)
    return found


def _ended(request: SyncRequest) -> list[tuple[str, Object]]:
    """Return the end and the report of each container that made a backup; older backup images write no report."""
    found = []
    for pod in request.pods:
        if dig(pod, "metadata", "labels", "app.kubernetes.io/component") != "backup":
            continue
        for container in mappings(dig(pod, "status", "containerStatuses")):
            ended = dig(container, "state", "terminated")
            at = moment(dig(ended, "finishedAt"))
            if at and dig(ended, "exitCode") == 0:
                found.append((written(at), _numbers(dig(ended, "message"))))
    return found


def _numbers(message: Any) -> Object:
    """Return the numbers in a report. It is untrusted: any program in the pod may have written it."""
    if not isinstance(message, str) or len(message) > LONGEST_REPORT:
        return {}
    try:
        said = orjson.loads(message)
    except orjson.JSONDecodeError:
        return {}
    values = said if isinstance(said, dict) else {}
    return {
        name: value for name in ("bytes", *COUNTS) if type(value := values.get(name)) is int and 0 <= value <= LARGEST
    }
