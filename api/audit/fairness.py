"""Limit what one caller can add to the audit: beyond a limit, records are only counted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock

from .record import Record

WINDOW_SECONDS = 60.0
# The bytes kept per actor, outcome and action in a window: about 150 refusals or 1,200 changes of ordinary size, more
# than anybody does manually.
KEPT_BYTES = {"refused": 64 * 1024, "admitted": 512 * 1024}
# The number of windows that are tracked; all further callers share one.
WINDOWS = 10_000


# Actor, outcome and action.
_Kind = tuple[str, str, str]


@dataclass
class _Window:
    since: float
    kept: int = 0
    left_out: int = 0
    last: Record | None = None


class Fairness:
    """The limits of one process.

    :param clock: returns monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, Lock()
        self._windows: dict[_Kind, _Window] = {}

    def kept(self, record: Record) -> list[Record]:
        """Return the records to keep when ``record`` arrives.

        These are the record itself, unless its actor has reached the limit for its kind in this window, preceded by a
        summary of dropped records for each window that has ended. Each kind is counted separately, so that nobody can
        hide a change or a deletion behind a thousand label changes.
        """
        outcome = "admitted" if record.outcome == "admitted" else "refused"
        with self._lock:
            now = self._clock()
            ended = self._ended(now)
            known = (record.actor, outcome, _what(record))
            key = known if known in self._windows or len(self._windows) < WINDOWS else ("", outcome, "")
            window = self._windows.setdefault(key, _Window(now))
            if window.kept < KEPT_BYTES[outcome]:
                window.kept += len(json.dumps(record.as_json()))
                return [*ended, record]
            window.left_out, window.last = window.left_out + 1, record
            return ended

    def _ended(self, now: float) -> list[Record]:
        over = [key for key, window in self._windows.items() if now - window.since >= WINDOW_SECONDS]
        windows = [(key[1], self._windows.pop(key)) for key in over]
        return [_summary(window.last, outcome, window.left_out) for outcome, window in windows if window.last]


def _what(record: Record) -> str:
    """Return the action, or "metadata" if a change affects the metadata only."""
    fields = {**(record.before or {}), **(record.after or {})}
    return "metadata" if fields and all(name.startswith("metadata.") for name in fields) else record.action


def _summary(last: Record, outcome: str, count: int) -> Record:
    """Return one record that stands for all dropped ones, made from the last of them."""
    requests = f"{outcome} requests of this caller and kind within a minute"
    reason = f"one of {count} {requests}; the others are not recorded"
    return replace(last, outcome=outcome, reason=reason, before=None, after=None, key="")
