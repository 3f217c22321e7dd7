"""What an owner reads of a shop's state, and which section helps."""

from __future__ import annotations

from typing import Any

import pytest

from storeplatform.api.views import PHASES, summary
from storeplatform.common.reasons import REASONS
from storeplatform.dashboard.state import Record, Steps, record, stage, state, steps
from storeplatform.hooks.core.hosts import unproven
from tests.dashboard.language import TECHNICAL

ENGINE = {"steps": ["DatabaseReady", "BackendReady"]}


def store(phase: str, reason: str = "AsDesired", expires: str = "", **conditions: str) -> dict[str, Any]:
    kinds = [{"type": kind, "status": status} for kind, status in conditions.items()]
    return {
        "phase": phase,
        "ready": {"reason": reason, "since": "2030-01-01T00:00:00Z"},
        "expiresAt": expires,
        "startedAt": None,
        "restoring": conditions.get("Restored") == "False",
        "status": {"conditions": kinds, **({"deletesAt": "2030-01-08T00:00:00Z"} if expires else {})},
    }


@pytest.mark.parametrize("language", ["en", "de"], indirect=True)
@pytest.mark.parametrize("phase", PHASES)
def test_no_state_is_technical(language: str, phase: str) -> None:
    for reason in (*REASONS, "Unheard"):
        shown = state(store(phase, reason))
        assert shown.says.endswith(".")
        assert shown.advice.endswith(".")
        assert not TECHNICAL.search(f"{shown.says} {shown.advice}"), reason


@pytest.mark.usefixtures("language")
@pytest.mark.parametrize(
    ("shown", "advice", "part"),
    [
        (store("Ready"), "There is nothing for you to do.", ""),
        (store("Ready", VersionRetired="True"), "Its version no longer gets fixes. Choose a newer one.", "version"),
        (store("Ready", UpgradeFailed="True"), "so the shop returned to the previous one.", "version"),
        (store("Ready", HostnameVerified="False"), "has to be confirmed before it is used.", "address"),
        (store("Ready", HostnameVerified="True"), "There is nothing for you to do.", ""),
        (store("Ready", BackupFailed="True"), "The last backup could not be made.", "backups"),
        (store("Ready", Expiring="True"), "It ends soon.", "extend"),
        (store("Ready", RestoreChecked="False"), "The backup that you chose is being checked.", ""),
        (store("Suspended"), "You can open it again at any time.", "resume"),
        (store("Suspended", expires="2030-01-01T00:00:00Z"), "unless you choose a later end date.", "extend"),
        (store("Failed", "ImagePullFailed"), "be loaded. Choose another version", "version"),
        (store("Failed", "Unheard"), "Ask your platform team", "experts"),
        (store("Provisioning", "Unheard"), "This page updates automatically.", ""),
    ],
)
def test_the_advice_matches_the_state_and_links_to_the_section_that_helps(
    shown: dict[str, Any], advice: str, part: str
) -> None:
    found = state(shown)
    assert advice in found.advice
    assert found.does == part


@pytest.mark.usefixtures("language")
@pytest.mark.parametrize(
    ("shown", "says", "advice"),
    [
        (store("Degraded", "Updating"), "Your shop is being changed.", "There is nothing for you to do."),
        (store("Degraded", "Stopping", Restored="False"), "gets its data from a backup.", "nothing for you to do."),
        (store("Degraded", "PodsNotReady"), "Part of your shop does not work", "There is nothing for you to do."),
        (store("Degraded", "CrashLoop"), "Part of your shop does not work", "Something in it keeps failing."),
        (store("Degraded", "Unschedulable"), "Part of your shop does not work", "The platform has no room for it"),
        (store("Provisioning", "PodsNotReady"), "Your shop is being created.", "There is nothing for you to do."),
        (store("Failed", "PodsNotReady"), "Your shop needs attention.", "Something in it keeps failing."),
    ],
)
def test_normal_progress_is_not_a_fault(shown: dict[str, Any], says: str, advice: str) -> None:
    found = state(shown)
    assert says in found.says
    assert advice in found.advice


@pytest.mark.usefixtures("language")
@pytest.mark.parametrize(("since", "says"), [("2030-01-02", "Your shop is opening."), ("2029-12-31", "Part of your")])
def test_a_shop_that_was_not_ready_since_it_was_opened_is_opening(since: str, says: str) -> None:
    shown = {**store("Degraded", "PodsNotReady"), "startedAt": f"{since}T00:00:00Z"}
    assert says in state(shown).says


@pytest.mark.usefixtures("language")
@pytest.mark.parametrize(
    ("phase", "condition", "advice"),
    [
        ("Ready", "RestoreChecked", "your shop keeps what it has. Choose another one."),
        ("Failed", "Restored", "The backup could not be restored. Choose another one"),
    ],
)
def test_a_restore_that_failed_leads_to_the_backups(phase: str, condition: str, advice: str) -> None:
    shown = store(phase, "JobFailed")
    shown["status"]["conditions"] = [{"type": condition, "status": "False", "reason": "JobFailed"}]
    found = state(shown)
    assert (advice in found.advice, found.does) == (True, "backups")


@pytest.mark.usefixtures("language")
@pytest.mark.parametrize(("reason", "does"), [("Expiring", "resume"), ("Expired", "extend")])
def test_a_shop_that_its_owner_closed_has_ended_only_after_its_end(reason: str, does: str) -> None:
    shown = {**store("Suspended", expires="2030-01-01T00:00:00Z"), "spec": {"suspended": True}}
    shown["status"]["conditions"] = [{"type": "Expiring", "status": "True", "reason": reason}]
    assert state(shown).does == does


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ({"reason": "Updating"}, "Changing"),
        ({"reason": "CrashLoop"}, "Degraded"),
        ({"reason": "CrashLoop", "since": "2030-01-02T00:00:00Z"}, "Opening"),
        ({"reason": "Stopping", "restored": "False"}, "Restoring"),
    ],
)
def test_a_list_shows_the_same_state_as_the_shops_page(seen: dict[str, str], expected: str) -> None:
    conditions = [
        {"type": "Ready", "status": "False", "message": "", "lastTransitionTime": "2030-01-01T00:00:00Z", **seen},
        {"type": "Restored", "status": seen.get("restored", "True"), "reason": "AsDesired"},
    ]
    release = {"running": "1", "since": seen.get("since", "2029-01-01T00:00:00Z")}
    metadata = {"name": "shop", "creationTimestamp": "2029-01-01T00:00:00Z"}
    spec = {"engine": "medusa", "owner": "ann", "plan": "small"}
    status = {"phase": "Degraded", "conditions": conditions, "release": release}
    assert stage(summary({"metadata": metadata, "spec": spec, "status": status})) == expected


@pytest.mark.parametrize(
    ("shown", "done"),
    [
        (store("Provisioning", DatabaseReady="True", BackendReady="False"), Steps(1, 2)),
        (store("Provisioning", DatabaseReady="True", PaymentsReady="False", Ready="False"), Steps(1, 1)),
        (store("Provisioning"), None),
        (store("Ready", DatabaseReady="True"), None),
    ],
)
def test_progress_counts_the_steps_of_the_engine(shown: dict[str, Any], done: Steps | None) -> None:
    assert steps(shown, ENGINE) == done
    assert steps(shown, {}) is None


def being_made(**release: str) -> dict[str, Any]:
    """A new shop of which one step of two is done."""
    shown = store("Provisioning", DatabaseReady="True", BackendReady="False")
    shown["status"]["release"] = {"target": "1", **release}
    return {**shown, "createdAt": "2030-01-01T12:00:00Z"}


@pytest.mark.parametrize(
    ("release", "seconds", "ready_at"),
    [
        ({"since": "2030-01-01T12:00:01Z"}, 90, "2030-01-01T12:01:31+00:00"),
        ({"since": "2030-01-05T12:00:00Z"}, 90, "2030-01-05T12:01:30+00:00"),  # closed before it was ready, then opened
        ({}, 90, "2030-01-01T12:01:30+00:00"),
        ({"running": "1", "since": "2030-01-01T12:00:01Z"}, 90, None),
        ({}, None, None),
    ],
)
def test_a_new_shops_expected_time_comes_from_other_shops(
    release: dict[str, str], seconds: int | None, ready_at: str | None
) -> None:
    found = steps(being_made(**release), {**ENGINE, "secondsToReady": seconds})
    assert found
    assert (found.ready_at and found.ready_at.isoformat()) == ready_at


@pytest.mark.parametrize("message", ["", "no such record"])
def test_the_record_for_an_address_is_what_the_platform_looks_up(message: str) -> None:
    wanted = {"name": "_store-platform.shop.example.com", "value": "store-platform=0123"}
    status = {"host": "shop.example.com", "message": message}
    said = unproven({"spec": {"host": "shop.example.com", "record": wanted}, "status": status})
    condition = {"type": "HostnameVerified", "status": "False", "message": said}
    shown = {"status": {"conditions": [condition]}}
    assert record(shown) == Record("shop.example.com", wanted["name"], wanted["value"])
    assert record({"status": {"conditions": [{**condition, "status": "True"}]}}) is None
    assert record({"status": {}}) is None
