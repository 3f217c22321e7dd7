"""What an owner reads of a shop's state, and where to go."""

from __future__ import annotations

from typing import Any

import pytest

from storeplatform.api.views import PHASES
from storeplatform.common.reasons import REASONS
from storeplatform.dashboard.state import Steps, backup, state, steps
from tests.dashboard.language import TECHNICAL

ENGINE = {"steps": ["DatabaseReady", "BackendReady"]}


def store(phase: str, reason: str = "AsDesired", expires: str = "", **conditions: str) -> dict[str, Any]:
    kinds = [{"type": kind, "status": status} for kind, status in conditions.items()]
    return {
        "phase": phase,
        "ready": {"reason": reason},
        "expiresAt": expires,
        "status": {"conditions": kinds, **({"deletesAt": "2030-01-08T00:00:00Z"} if expires else {})},
    }


@pytest.mark.parametrize("language", ["en", "de"], indirect=True)
@pytest.mark.parametrize("phase", PHASES)
def test_no_state_reads_technical(language: str, phase: str) -> None:
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
        (store("Ready", UpgradeFailed="True"), "so it went back to the previous one.", "version"),
        (store("Ready", HostnameVerified="False"), "has to be confirmed before it is used.", "address"),
        (store("Ready", HostnameVerified="True"), "There is nothing for you to do.", ""),
        (store("Suspended"), "You can open it again at any time.", "resume"),
        (store("Suspended", expires="2030-01-01T00:00:00Z"), "unless you choose a later end date.", "extend"),
        (store("Failed", "ImagePullFailed"), "be loaded. Choose another version", "version"),
        (store("Failed", "Unheard"), "Ask your platform team", "experts"),
        (store("Provisioning", "Unheard"), "This page updates automatically.", ""),
    ],
)
def test_the_advice_is_of_the_state_and_leads_to_the_part_that_helps(
    shown: dict[str, Any], advice: str, part: str
) -> None:
    found = state(shown)
    assert advice in found.advice
    assert found.does == part


@pytest.mark.parametrize(
    ("asked", "status", "reason", "comes"),
    [
        ("", "True", "AsDesired", ""),
        ("2030-01-01T00:00:00Z", "True", "AsDesired", "made"),
        ("2030-01-01T00:00:00Z", "False", "JobRunning", "underway"),
        ("2030-01-01T00:00:00Z", "False", "JobFailed", "failed"),
        ("2030-01-01T00:00:00Z", "", "", "underway"),
    ],
)
def test_a_backup_is_made_only_where_it_was_observed(asked: str, status: str, reason: str, comes: str) -> None:
    found = [{"type": "BackupMade", "status": status, "reason": reason}] if status else []
    spec = {"backup": {"schedule": "0 3 * * *", "requestedAt": asked}}
    assert backup({"spec": spec, "status": {"conditions": found}}) == comes
    assert backup({"spec": {}, "status": {}}) == ""


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
