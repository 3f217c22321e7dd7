"""The HTTP layer's contract with Metacontroller, with Prometheus and with readers of its log."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from storeplatform.common.configuration import ConfigurationError
from storeplatform.hooks import app as shell
from storeplatform.hooks.core import GuardError, RenderError
from storeplatform.hooks.core.objects import Key
from storeplatform.hooks.settings import Settings

from .world import START, World, conditions

TOKEN = "a token for tests"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def app(settings: Settings) -> Flask:
    return shell.make_app(settings, TOKEN)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.mark.parametrize("hook", ["/sync", "/finalize"])
def test_a_hook_responds_with_exactly_the_contracts_keys(client: FlaskClient, world: World, hook: str) -> None:
    response = client.post(hook, data=world.body(), headers=HEADERS)
    assert response.status_code == 200
    assert set(response.json or {}) == {"status", "children", "resyncAfterSeconds", "finalized"}


def test_the_response_is_the_cores(client: FlaskClient, world: World) -> None:
    world.settle()
    answer = client.post("/sync", data=world.body(), headers=HEADERS).json
    assert answer == json.loads(json.dumps(world.ask()))


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}])
def test_a_request_without_the_token_is_401(client: FlaskClient, world: World, header: dict[str, str]) -> None:
    response = client.post("/sync", data=world.body(), headers=header)
    assert response.status_code == 401
    assert "children" not in response.text


def test_a_token_that_is_not_ascii_is_401(client: FlaskClient, world: World) -> None:
    assert client.post("/sync", data=world.body(), headers={"Authorization": "Bearer \xff"}).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"parent": null}',
        b'{"parent": {"apiVersion": "v1", "kind": "Store", "metadata": {"name": "s", "uid": "u"}}, "children": {}}',
        b'{"parent": {"apiVersion": "platform.urumi.dev/v1alpha1", "kind": "Shop", "metadata": {"name": "a"}}}',
        b"\xff\xfe",
    ],
)
def test_a_malformed_or_foreign_request_is_a_short_400(client: FlaskClient, body: bytes) -> None:
    response = client.post("/sync", data=body, headers=HEADERS)
    assert response.status_code == 400
    assert response.mimetype == "application/problem+json"
    assert set(response.json or {}) == {"type", "status", "detail"}
    assert len(response.data) < 300


def test_a_request_over_the_size_limit_is_413(client: FlaskClient) -> None:
    response = client.post("/sync", data=b" " * (shell.MAX_REQUEST_BYTES + 1), headers=HEADERS)
    assert response.status_code == 413
    assert response.mimetype == "application/problem+json"


@pytest.mark.parametrize(
    ("error", "reason", "message"),
    [
        (GuardError("Secret credentials must stay"), "Guard", "Secret credentials must stay"),
        (RenderError("the template x must produce YAML"), "Template", "the template x must produce YAML"),
        (OverflowError("a secret that was sent"), "Error", "an unexpected OverflowError"),
    ],
)
def test_a_store_whose_response_fails_keeps_its_children_and_reports_it(
    client: FlaskClient, world: World, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str, message: str
) -> None:
    world.settle()

    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(shell, "sync", fail)
    response = client.post("/sync", data=world.body(), headers=HEADERS)
    answer = response.json or {}
    assert response.status_code == 200
    assert {Key.of(child) for child in answer["children"]} == set(world.observed)
    found = {c["type"]: c for c in answer["status"]["conditions"]}
    assert (found["Reconciled"]["status"], found["Reconciled"]["reason"]) == ("False", reason)
    assert message in found["Reconciled"]["message"]
    assert (found["Ready"]["status"], answer["status"]["phase"]) == ("Unknown", "Failed")
    assert "a secret that was sent" not in response.text
    assert f'store_hook_unreconciled_total{{reason="{reason}"}} 1.0' in client.get("/metrics").text


def test_a_store_that_is_reconciled_again_reports_no_failure(
    client: FlaskClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled = world.settle()
    with monkeypatch.context() as broken:
        broken.setattr(shell, "sync", lambda *_: 1 / 0)
        answer = client.post("/sync", data=world.body(), headers=HEADERS).json or {}
    since = [c["lastTransitionTime"] for c in answer["status"]["conditions"] if c["type"] == "Reconciled"]
    world.parent["status"] = answer["status"]
    monkeypatch.setattr(shell, "_now", lambda: "2099-01-01T00:00:00Z")
    with monkeypatch.context() as broken:
        broken.setattr(shell, "sync", lambda *_: 1 / 0)
        again = client.post("/sync", data=world.body(), headers=HEADERS).json or {}
    assert [c["lastTransitionTime"] for c in again["status"]["conditions"] if c["type"] == "Reconciled"] == since
    status = world.ask()["status"]
    assert (status["phase"], "Reconciled" in conditions(status)) == ("Ready", False)
    assert conditions(status) == conditions(settled["status"])


def test_a_store_whose_spec_is_refused_counts_as_reconciled(
    client: FlaskClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.settle()
    with monkeypatch.context() as broken:
        broken.setattr(shell, "sync", lambda *_: 1 / 0)
        answer = client.post("/sync", data=world.body(), headers=HEADERS).json or {}
    world.parent["status"] = answer["status"]
    world.parent["spec"]["plan"] = "huge"
    status = world.ask()["status"]
    assert (status["phase"], "Reconciled" in conditions(status)) == ("Failed", False)


def test_a_deleted_store_whose_response_fails_is_not_finalized(
    client: FlaskClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.settle()
    world.parent["metadata"]["deletionTimestamp"] = START
    monkeypatch.setattr(shell, "sync", lambda *_: 1 / 0)
    answer = client.post("/finalize", data=world.body(finalizing=True), headers=HEADERS).json or {}
    assert (answer["finalized"], answer["status"]["phase"]) == (False, "Terminating")
    assert len(answer["children"]) == len(world.observed)


def test_a_problem_contains_nothing_of_the_request(client: FlaskClient, world: World) -> None:
    world.settle()
    world.parent["kind"] = "Stolen"
    response = client.post("/sync", data=world.body(), headers=HEADERS)
    secret = world.find("Secret", "credentials")["data"]["jwt-secret"]
    assert response.status_code == 400
    assert secret not in response.text
    assert "Stolen" not in response.text


def test_an_unknown_path_is_404_and_a_wrong_method_405(client: FlaskClient) -> None:
    assert (client.get("/").status_code, client.get("/sync").status_code) == (404, 405)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_checks_need_no_token(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 200


def test_metrics_count_requests_errors_stages_and_seconds(client: FlaskClient, world: World) -> None:
    client.post("/sync", data=world.body(), headers=HEADERS)
    client.post("/finalize", data=b"", headers=HEADERS)
    lines = client.get("/metrics").text.splitlines()
    assert 'store_hook_requests_total{hook="sync",status="200"} 1.0' in lines
    assert 'store_hook_requests_total{hook="finalize",status="400"} 1.0' in lines
    assert 'store_hook_errors_total{hook="finalize"} 1.0' in lines
    assert 'store_hook_stages_total{stage="Exposed"} 1.0' in lines
    assert 'store_hook_duration_seconds_count{hook="sync"} 1.0' in lines


def test_a_request_is_one_json_line_in_the_log(
    settings: Settings, world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    shell.configure_logs()
    client = shell.make_app(settings, TOKEN).test_client()
    client.post("/sync", data=world.body(), headers=HEADERS)
    (line,) = capfd.readouterr().err.splitlines()
    logged = json.loads(line)
    assert {name: logged[name] for name in ("message", "level", "store", "status", "stage")} == {
        "message": "sync",
        "level": "info",
        "store": "demo",
        "status": 200,
        "stage": "Exposed",
    }


def test_the_service_does_not_start_without_its_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORE_PLATFORM_SETTINGS", raising=False)
    with pytest.raises(ConfigurationError, match="STORE_PLATFORM_SETTINGS must name a file"):
        shell.create_app()
