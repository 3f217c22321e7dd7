"""The API's OpenAPI document is correct and complete, and a client can be generated from it."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from openapi_spec_validator import validate

from tests.cluster.controlplane import ControlPlane
from tests.stores.platform import API

from .server import Api, token_of

# Its other checks expect every well-formed request to succeed, which existing names and quotas prevent.
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
    "response_headers_conformance,negative_data_rejection,unsupported_method,ignored_auth,use_after_free"
)


@pytest.fixture(scope="module")
def document(api: Api) -> dict[str, object]:
    answer: dict[str, object] = requests.get(f"{api.url}/api/v1/openapi.json", timeout=10).json()
    return answer


def test_the_document_is_openapi_3_1(document: dict[str, object]) -> None:
    validate(document)
    assert document["openapi"] == "3.1.0"


@pytest.mark.parametrize("user", ["ann", "ada"])
def test_no_generated_request_gets_a_5xx_or_an_undocumented_response(
    api: Api, plane: ControlPlane, user: str, tmp_path: Path
) -> None:
    command = ["-m", "schemathesis.cli", "run", f"{api.url}/api/v1/openapi.json", f"--checks={CHECKS}", "--no-color"]
    # A stream has no end to check.
    command += ["--exclude-path=/api/v1/changes", "--max-examples=15", "--generation-deterministic"]
    command += ["-H", f"Authorization: Bearer {token_of(plane, user)}"]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=200, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def test_a_client_generated_from_the_document_creates_a_store(
    document: dict[str, object], api: Api, plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    (tmp_path / "config.yaml").write_text("post_hooks: []\n")
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--path=openapi.json", "--config=config.yaml"]
    command += ["--meta=none", "--output-path=generated_client", "--fail-on-warning"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=120)
    monkeypatch.syspath_prepend(str(tmp_path))
    authenticated = importlib.import_module("generated_client").AuthenticatedClient
    models = importlib.import_module("generated_client.models")
    create = importlib.import_module("generated_client.api.default.create_store")
    body = models.NewStore(name="generated", spec=models.NewStoreSpec(engine="medusa", plan="medium"))
    with authenticated(api.url, token_of(plane, "ann")) as client:
        made = create.sync(client=client, body=body)
    assert (made.name, made.plan, made.phase) == ("generated", "medium", "Pending")
    assert plane.client.get(API, "Store", "generated")["spec"]["owner"] == "ann@example.com"


def test_the_html_page_has_every_operation_and_schema_and_no_script(
    api: Api, document: dict[str, dict[str, object]]
) -> None:
    page = requests.get(f"{api.url}/api/v1/docs", timeout=10).text
    for path, methods in document["paths"].items():
        assert f"<code>{path}</code>" in page
        for its in methods.values():  # type: ignore[attr-defined]
            assert f'id="{its["operationId"]}"' in page
    for name in document["components"]["schemas"]:  # type: ignore[attr-defined]
        assert f'id="schema-{name}"' in page
    assert "<script" not in page
