"""The HTTP shell's contract with Metacontroller, with Prometheus and with who reads its log."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from storeplatform.hooks import app as shell
from storeplatform.hooks.core import GuardError
from storeplatform.hooks.settings import ConfigurationError, Settings

from .world import World

TOKEN = "a token for tests"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def app(settings: Settings) -> Flask:
    return shell.make_app(settings, TOKEN)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.mark.parametrize("hook", ["/sync", "/finalize"])
def test_a_hook_answers_with_exactly_the_contracts_keys(client: FlaskClient, world: World, hook: str) -> None:
    response = client.post(hook, data=world.body(), headers=HEADERS)
    assert response.status_code == 200
    assert set(response.json or {}) == {"status", "children", "resyncAfterSeconds", "finalized"}


def test_the_answer_is_the_cores(client: FlaskClient, world: World) -> None:
    world.settle()
    answer = client.post("/sync", data=world.body(), headers=HEADERS).json
    assert answer == json.loads(json.dumps(world.ask()))


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}])
def test_without_the_token_a_hook_is_401(client: FlaskClient, world: World, header: dict[str, str]) -> None:
    response = client.post("/sync", data=world.body(), headers=header)
    assert response.status_code == 401
    assert "children" not in response.text


def test_a_token_that_is_no_ascii_is_401(client: FlaskClient, world: World) -> None:
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


def test_a_guards_refusal_is_a_500_with_its_reason(
    client: FlaskClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise GuardError("Secret credentials must stay")

    monkeypatch.setattr(shell, "sync", refuse)
    response = client.post("/sync", data=world.body(), headers=HEADERS)
    assert (response.status_code, (response.json or {})["detail"]) == (500, "Secret credentials must stay")


def test_a_problem_holds_nothing_of_what_was_sent(client: FlaskClient, world: World) -> None:
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
def test_health_needs_no_token(client: FlaskClient, path: str) -> None:
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


def test_without_its_files_the_service_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORE_PLATFORM_SETTINGS", raising=False)
    with pytest.raises(ConfigurationError, match="STORE_PLATFORM_SETTINGS must name a file"):
        shell.create_app()
