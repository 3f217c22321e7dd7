"""Releases in the core: started by the spec, completed by what is observed and by the clock."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from storeplatform.hooks.core.objects import Object
from storeplatform.templates import ENGINES

from .world import World, conditions, make_ready, store

OLD, NEW, NEWER = "2.21.2", "2.22.0", "2.22.1"
LATE = "2026-01-01T00:31:00Z"


@pytest.fixture
def world(settings_with: Any, tmp_path: Path) -> World:
    """A Ready store of an engine with three versions."""
    engines = Path(shutil.copytree(ENGINES, tmp_path / "engines"))
    file = engines / "medusa" / "engine.yaml"
    values = yaml.safe_load(file.read_text())
    for version in (NEW, NEWER):
        values["versions"][version] = {"backend": f"backend:{version}", "storefront": f"storefront:{version}"}
    file.write_text(yaml.safe_dump(values, sort_keys=False))
    world = World(settings_with(engines), store(version=OLD))
    world.settle()
    return world


def asked(answer: Object, kind: str) -> list[str]:
    return [child["metadata"]["name"].partition("-")[0] for child in answer["children"] if child["kind"] == kind]


def image(answer: Object, name: str) -> str:
    (found,) = [c for c in answer["children"] if c["kind"] == "Deployment" and c["metadata"]["name"] == name]
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


def fail(world: World, name: str) -> None:
    world.find("Job", name)["status"] = {
        "failed": 1,
        "conditions": [{"type": "Failed", "status": "True", "message": "too many tries"}],
    }


def test_the_backend_keeps_its_version_until_the_migration_is_complete(world: World) -> None:
    world.parent["spec"]["version"] = NEW
    images = []
    for _ in range(7):
        images.append(image(world.step(), "backend"))
    assert images[0].endswith(f":{OLD}")
    assert images[-1] == f"backend:{NEW}"
    assert sorted(images, key=lambda found: found != images[0]) == images


def test_a_ready_target_becomes_the_running_version(world: World) -> None:
    world.parent["spec"]["version"] = NEW
    release = world.settle()["status"]["release"]
    assert (release["running"], release["previous"], release["target"]) == (NEW, OLD, NEW)
    assert set(release) == {"running", "previous", "target", "since", "attempt", "origin"}


def test_a_deadline_before_the_migration_rolls_back_without_a_restore(world: World) -> None:
    world.parent["spec"]["version"] = NEW
    world.step(ready=False)
    world.now = LATE
    release = world.step(ready=False)["status"]["release"]
    assert (release["target"], release["rejected"], release.get("restore")) == (OLD, NEW, None)
    assert release["message"].startswith("not ready within 1800 s: ")


def test_a_rejected_version_stays_rejected_until_the_spec_changes(world: World) -> None:
    world.parent["spec"]["version"] = NEW
    world.step(ready=False)
    world.now = LATE
    world.step(ready=False)
    settled = world.settle()
    assert settled["status"]["phase"] == "Ready"
    assert conditions(settled["status"])["UpgradeFailed"] == "True"
    assert settled["status"]["release"]["target"] == OLD
    world.parent["spec"]["version"] = NEWER
    release = world.settle()["status"]["release"]
    assert (release["running"], release.get("rejected")) == (NEWER, None)


def test_a_spec_reverted_before_any_change_restores_nothing(world: World) -> None:
    world.parent["spec"]["version"] = NEW
    world.step(ready=False)
    world.parent["spec"]["version"] = OLD
    release = world.step()["status"]["release"]
    assert (release["target"], release.get("rejected"), release.get("restore")) == (OLD, None, None)


def test_a_failed_snapshot_rolls_back_at_once_and_changes_nothing(world: World) -> None:
    world.parent["spec"]["version"] = NEW
    world.step()
    world.step(ready=False)
    fail(world, "snapshot")
    answer = world.step(ready=False)
    assert answer["status"]["release"]["rejected"] == NEW
    assert asked(answer, "Job").count("migrate") == 1
    assert "restore" not in asked(world.ask(), "Job")


def migrating(world: World, version: str = NEW) -> Object:
    """Step until the new version's migration runs; return its Job."""
    world.parent["spec"]["version"] = version
    for _ in range(8):
        world.step()
        jobs = [obj for key, obj in world.observed.items() if key.name.startswith("migrate")]
        for job in jobs:
            if f"backend:{version}" in str(job):
                job["status"] = {"active": 1, "ready": 1}
                return job
    raise AssertionError("no migration was asked for")


def test_a_failed_migration_is_restored_while_nothing_serves(world: World) -> None:
    job = migrating(world)
    job["status"] = {"failed": 4, "conditions": [{"type": "Failed", "status": "True", "message": "too many tries"}]}
    world.step(ready=False)
    assert world.parent["status"]["release"]["restore"].startswith("before-2.22.0-")
    stopping = world.step(ready=False)
    replicas = {c["metadata"]["name"]: c["spec"]["replicas"] for c in stopping["children"] if c["kind"] == "Deployment"}
    assert replicas == {"backend": 0, "storefront": 0}
    assert "restore" not in asked(stopping, "Job")
    for obj in world.observed.values():
        if obj["kind"] == "Deployment":
            make_ready(obj)
    assert "restore" in asked(world.step(), "Job")
    settled = world.settle()
    assert (settled["status"]["phase"], image(settled, "backend").endswith(f":{OLD}")) == ("Ready", True)
    assert "restore" not in settled["status"]["release"]


def test_a_second_failed_upgrade_returns_to_the_data_from_before_it(world: World) -> None:
    tries = {"failed": 4, "conditions": [{"type": "Failed", "status": "True", "message": "too many tries"}]}
    migrating(world)["status"] = tries
    world.step(ready=False)
    newer_job = migrating(world, NEWER)
    snapshots = [obj for key, obj in world.observed.items() if key.name.startswith("snapshot")]
    taken = [job["spec"]["template"]["spec"]["containers"][0]["args"] for job in snapshots]
    assert ["snapshot", "before-2.22.1-20260101t000000z"] in taken
    newer_job["status"] = tries
    assert world.step(ready=False)["status"]["release"]["restore"] == "before-2.22.1-20260101t000000z"


def test_a_migration_whose_image_was_never_pulled_needs_no_restore(world: World) -> None:
    job = migrating(world)
    job["status"] = {"active": 1}
    job["spec"]["selector"] = {"matchLabels": {"job": "new"}}
    waiting = {"waiting": {"reason": "ErrImagePull", "message": "not found"}}
    pod = {"metadata": {"name": "p", "labels": {"job": "new"}}, "status": {"containerStatuses": [{"state": waiting}]}}
    world.pods = [pod]
    world.now = LATE
    release = world.step(ready=False)["status"]["release"]
    assert (release["rejected"], release.get("restore")) == (NEW, None)


def test_without_spec_version_the_running_version_stays(world: World) -> None:
    del world.parent["spec"]["version"]
    assert world.settle()["status"]["release"]["running"] == OLD


def test_a_resumed_shop_has_its_whole_deadline_again(world: World) -> None:
    world.parent["spec"]["version"] = NEW
    world.step(ready=False)
    world.parent["spec"]["suspended"] = True
    world.step()
    world.now = LATE
    world.parent["spec"]["suspended"] = False
    release = world.step(ready=False)["status"]["release"]
    assert (release["target"], release.get("rejected")) == (NEW, None)


def test_an_unobserved_object_rolls_back_no_upgrade_before_the_deadline(world: World) -> None:
    world.parent["spec"]["version"] = NEW
    world.step()
    for key in [key for key in world.observed if key.name == "backups"]:
        del world.observed[key]
    world.parent["status"] = world.ask()["status"] | {"observedGeneration": 1}
    world.now = "2026-01-01T00:01:00Z"
    status = world.ask()["status"]
    assert (status["release"]["target"], status["phase"]) == (NEW, "Upgrading")
    assert conditions(status).get("UpgradeFailed") is None
