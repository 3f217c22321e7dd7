"""Stores in the cache, and what is computed from all of them."""

from __future__ import annotations

from storeplatform.api.entries import MEASURED, Entry, entry_of, seconds_to_ready


def entry(number: int, first_ready: str = "", engine: str = "medusa") -> Entry:
    """Return a store of an engine that was created that many minutes after noon, and was first ready then."""
    metadata = {
        "name": f"{engine}-{number}",
        "resourceVersion": "1",
        "creationTimestamp": f"2030-01-01T12:{number:02}:00Z",
    }
    spec = {"engine": engine, "owner": "ann", "plan": "small"}
    return entry_of({"metadata": metadata, "spec": spec, "status": {"firstReady": first_ready} if first_ready else {}})


def test_the_expected_time_is_the_median_of_the_engines_latest_stores() -> None:
    entries = [
        entry(1, "2030-01-01T12:02:10Z"),
        entry(2, "2030-01-01T12:03:30Z"),
        entry(3, "2030-01-09T12:00:00Z"),  # closed for a week before it was ready
        entry(4),
        entry(1, "2030-01-01T12:01:20Z", "woocommerce"),
    ]
    assert seconds_to_ready(entries) == {"medusa": 90, "woocommerce": 20}


def test_older_stores_do_not_count_once_there_are_enough() -> None:
    slow = [entry(number, "2030-01-01T18:00:00Z") for number in range(30)]
    fast = [entry(30 + number, f"2030-01-01T12:{30 + number}:40Z") for number in range(MEASURED)]
    assert seconds_to_ready(slow + fast) == {"medusa": 40}


def test_nothing_is_computed_from_missing_or_impossible_measurements() -> None:
    assert seconds_to_ready([entry(1), entry(2, "2030-01-01T11:00:00Z")]) == {}
