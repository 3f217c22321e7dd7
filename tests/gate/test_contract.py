"""The gate's contract with the API server over HTTP, without one behind it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask.testing import FlaskClient
from kubernetes.client.exceptions import ApiException
from prometheus_client import CollectorRegistry

from storeplatform.api.audit import Record
from storeplatform.api.gate.app import MAX_REQUEST_BYTES, make_app
from storeplatform.api.gate.cluster import Deadline, TimeIsUp
from storeplatform.api.gate.gate import Callers, Gate
from storeplatform.api.gate.metrics import Metrics
from storeplatform.api.gate.outcomes import Outcomes
from storeplatform.api.gate.proof import ANNOTATION, Proof
from storeplatform.api.gate.record import attempt, decision
from storeplatform.api.gate.reservations import QuotaExceeded
from storeplatform.api.gate.review import parse
from storeplatform.api.storequotas import GLOBAL, max_stores, quota_name, reserved, timestamp
from tests.values import settings_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
API_USER, CONTROLLER = "the-api", "the-controller"
TOKEN = "a token for tests"
CREATIONS, ATTEMPTS, CHANGES = "/admission/creations", f"/admission/{TOKEN}/attempts", f"/admission/{TOKEN}/changes"


class Judge:
    """Replaces the reservations: accepts every name, or raises what it is configured to."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str, bool]] = []
        self.error: Exception | None = None

    def take(self, name: str, owner: str, deadline: Deadline, *, dry_run: bool = False) -> None:
        if self.error:
            raise self.error
        self.taken.append((name, owner, dry_run))


class Ledger(list[Record]):
    """Stands in for the audit."""

    record = list.append


@pytest.fixture
def judge() -> Judge:
    return Judge()


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def client(judge: Judge, ledger: Ledger) -> FlaskClient:
    metrics, proof = Metrics(CollectorRegistry()), Proof(TOKEN)
    callers = Callers(proof, API_USER, CONTROLLER, 2)
    cluster: Any = None
    outcomes = Outcomes(cluster, ledger)  # type: ignore[arg-type]
    gate = Gate(cluster, judge, ledger, outcomes, metrics, callers)  # type: ignore[arg-type]
    return make_app(gate, metrics, proof).test_client()


def review(operation: str = "CREATE", user: str = "ann", dry_run: bool = False, **over: Any) -> dict[str, Any]:
    spec = {"engine": "medusa", "owner": "ann"}
    labels = {"platform.urumi.dev/shard": "0"}
    new = {"metadata": {"name": "shop", "labels": labels}, "spec": spec}
    request = {
        "uid": "u-1",
        "operation": operation,
        "userInfo": {"username": user},
        "name": "shop",
        "object": None if operation == "DELETE" else new,
        "oldObject": None if operation == "CREATE" else new,
        "dryRun": dry_run,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {**request, **over}}


def stamped(**over: Any) -> dict[str, Any]:
    """A creation's last webhook call, with the stamp from the gate's first one."""
    asked = review(**over)
    metadata = asked["request"]["object"]["metadata"]
    shard = metadata.get("labels", {}).get("platform.urumi.dev/shard", "")
    stamp = Proof(TOKEN).stamp(parse(json.dumps(asked).encode()), shard, time.time())
    metadata["annotations"] = {ANNOTATION: stamp}
    return asked


def answer(client: FlaskClient, path: str = CREATIONS, **over: Any) -> dict[str, Any]:
    response = client.post(path, json=stamped(**over) if path == CREATIONS else review(**over))
    assert response.status_code == 200
    body = json.loads(response.data)
    assert (body["apiVersion"], body["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    made: dict[str, Any] = body["response"]
    return made


def test_an_admitted_create_is_answered_with_the_requests_uid(client: FlaskClient, judge: Judge) -> None:
    assert answer(client) == {"uid": "u-1", "allowed": True}
    assert judge.taken == [("shop", "ann", False)]


@pytest.mark.parametrize(
    ("error", "code", "reason", "words"),
    [
        (QuotaExceeded("all of them are in use"), 403, "Forbidden", "all of them are in use"),
        (TimeIsUp(), 429, "TooManyRequests", "try again"),
        (ApiException(500, "boom"), 503, "ServiceUnavailable", "can't be counted now: try again"),
    ],
)
def test_a_refusal_has_a_code_that_clients_understand(
    client: FlaskClient, judge: Judge, ledger: Ledger, error: Exception, code: int, reason: str, words: str
) -> None:
    judge.error = error
    response = answer(client)
    assert response["allowed"] is False
    assert (response["status"]["code"], response["status"]["reason"]) == (code, reason)
    assert words in response["status"]["message"]
    assert ("details" in response["status"]) == (code != 403)
    assert [(each.outcome, each.reason) for each in ledger] == [("refused", response["status"]["message"])]


def test_an_internal_error_is_not_an_admission(client: FlaskClient, judge: Judge) -> None:
    judge.error = ZeroDivisionError()
    assert client.post(CREATIONS, json=stamped()).status_code == 500


def test_a_dry_run_leaves_nothing(client: FlaskClient, judge: Judge, ledger: Ledger) -> None:
    answer(client, dry_run=True)
    answer(client, ATTEMPTS, dry_run=True)
    assert judge.taken == [("shop", "ann", True)]
    assert ledger == []


def test_the_apis_requests_count_against_quotas_and_are_not_recorded(
    client: FlaskClient, judge: Judge, ledger: Ledger
) -> None:
    answer(client, user=API_USER)
    assert len(judge.taken) == 1
    assert ledger == []


def test_an_attempt_is_admitted_and_gets_a_shard(client: FlaskClient) -> None:
    made = answer(client, ATTEMPTS, object={"metadata": {"name": "shop", "labels": {"a": "b"}}})
    labels, annotations = json.loads(base64.b64decode(made["patch"]))
    assert (made["allowed"], made["patchType"]) == (True, "JSONPatch")
    assert (labels["path"], labels["value"]["a"]) == ("/metadata/labels", "b")
    assert labels["value"]["platform.urumi.dev/shard"] in "01"
    assert (annotations["path"], *annotations["value"]) == ("/metadata/annotations", ANNOTATION)


@pytest.mark.parametrize("spec", [None, "text", [1], {}, {"owner": {"a": 1}}])
def test_an_attempt_with_any_spec_is_admitted(client: FlaskClient, spec: Any) -> None:
    assert answer(client, ATTEMPTS, object={"metadata": {}, "spec": spec})["allowed"] is True


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"request": {}}', json.dumps(review(operation="CONNECT")).encode(), b"\xff"]
)
def test_a_body_that_is_not_a_review_is_a_short_400(client: FlaskClient, body: bytes) -> None:
    response = client.post(CREATIONS, data=body)
    assert response.status_code == 400
    assert response.text.startswith("the body must be an AdmissionReview of admission.k8s.io/v1")
    assert len(response.data) < 200


def test_a_request_over_the_size_limit_is_413(client: FlaskClient) -> None:
    assert client.post(CREATIONS, data=b" " * (MAX_REQUEST_BYTES + 1)).status_code == 413


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_the_health_check_responds(client: FlaskClient, path: str) -> None:
    assert client.get(path).text == "ok\n"


def parsed(**over: Any) -> Any:
    return parse(json.dumps(review(**over)).encode())


class TestRecord:
    """Which parts of a request are recorded."""

    def test_a_request_has_the_same_key_in_its_first_and_last_webhook(self) -> None:
        spec = {"engine": "medusa", "owner": "ann"}
        first = parsed(name="", object={"metadata": {"generateName": "shop-"}, "spec": spec})
        last = parsed(name="shop-x1", object={"metadata": {"generateName": "shop-", "name": "shop-x1"}, "spec": spec})
        one, two = attempt(first), decision(last, "admitted", "")
        assert one
        assert two
        assert one.key == two.key
        assert (one.store, two.store) == ("shop-", "shop-x1")

    @pytest.mark.parametrize("over", [{"user": "bob"}, {"operation": "DELETE"}, {"name": "other"}])
    def test_another_request_has_another_key(self, over: dict[str, Any]) -> None:
        one, two = attempt(parsed()), attempt(parsed(**over))
        assert one
        assert two
        assert one.key != two.key

    def test_a_spec_of_megabytes_is_recorded_by_its_size(self) -> None:
        made = attempt(parsed(object={"metadata": {"name": "big"}, "spec": {"owner": "x" * 1_000_000}}))
        assert made
        assert set(made.after or {}) == {"bytes"}

    def test_secrets_are_hidden_at_any_depth(self) -> None:
        spec = {"owner": "ann", "adminPassword": "hush", "a": [{"apiKey": "hush", "token": {"b": "hush"}}]}
        made = attempt(parsed(object={"metadata": {"name": "shop", "annotations": {"a": "hush"}}, "spec": spec}))
        assert "hush" not in str(made)

    def test_a_change_contains_only_what_differs(self) -> None:
        old = {"metadata": {"name": "shop"}, "spec": {"owner": "ann", "plan": "small", "version": "1"}}
        new = {"metadata": {"name": "shop"}, "spec": {"owner": "ann", "plan": "large", "suspended": True}}
        made = decision(parsed(operation="UPDATE", oldObject=old, object=new), "admitted", "")
        assert made
        assert (made.before, made.after) == ({"plan": "small", "version": "1"}, {"plan": "large", "suspended": True})

    def test_a_record_is_unchanged_by_the_spool(self, tmp_path: Path) -> None:
        made = attempt(parsed())
        assert made
        assert Record.from_json(json.loads(json.dumps(made.as_json()))) == made


class TestQuota:
    """The content of a StoreQuota, without a cluster."""

    @pytest.mark.parametrize(
        ("owner", "name"),
        [("ann", "ann-"), ("Ann@Example.com", "ann-example-com-"), ("@", ""), ("a" * 253, "a" * 40 + "-")],
    )
    def test_its_name_is_derived_from_the_owners(self, owner: str, name: str) -> None:
        made = quota_name(owner)
        assert made.startswith(name)
        assert len(made) == len(name) + 10
        assert made != GLOBAL

    def test_similar_owners_have_separate_quotas(self) -> None:
        assert len({quota_name(owner) for owner in ("ann", "Ann", "ann@", "a.n.n", "a-n-n")}) == 5

    @pytest.mark.parametrize(
        ("quota", "most"),
        [(None, 5), ({}, 5), ({"spec": {}}, 5), ({"spec": {"maxStores": 0}}, 0), ({"spec": {"maxStores": 9}}, 9)],
    )
    def test_its_limit_is_its_own_or_the_settings(self, quota: Any, most: int) -> None:
        assert max_stores(quota, 5) == most

    def test_a_reservation_expires_after_sixty_seconds(self) -> None:
        ages = {"new": 0, "young": 59.9, "old": 60, "older": 600}
        held = {name: timestamp(NOW - timedelta(seconds=age)) for name, age in ages.items()}
        assert set(reserved({"status": {"reserved": held}}, NOW)) == {"new", "young"}


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("STORE_PLATFORM_API_SETTINGS", "the environment variable STORE_PLATFORM_API_SETTINGS must name a file"),
        ("KUBECONFIG", "the gate must run in a cluster, or KUBECONFIG must name one"),
        ("STORE_PLATFORM_GATE_CERT_FILE", "can't read {home}/none, which STORE_PLATFORM_GATE_CERT_FILE names: No such"),
    ],
)
def test_a_start_up_failure_is_one_line(tmp_path: Path, missing: str, words: str) -> None:
    settings = settings_of("api")
    settings["audit"] |= {"url": f"sqlite:///{tmp_path}/a.db", "spool": f"{tmp_path}/spool"}
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(settings))
    cluster = {"clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}], "users": []}
    context = {"contexts": [{"name": "c", "context": {"cluster": "c", "user": ""}}], "current-context": "c"}
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", **cluster, **context}))
    environment = {
        **os.environ,
        "STORE_PLATFORM_API_SETTINGS": str(tmp_path / "settings.yaml"),
        "KUBECONFIG": str(tmp_path / "kubeconfig"),
        "STORE_PLATFORM_GATE_TOKEN_FILE": str(tmp_path / "settings.yaml"),
        "STORE_PLATFORM_GATE_CERT_FILE": str(tmp_path / "settings.yaml"),
        "STORE_PLATFORM_GATE_KEY_FILE": str(tmp_path / "settings.yaml"),
        missing: "" if missing.endswith("SETTINGS") else str(tmp_path / "none"),
    }
    command = [sys.executable, "-m", "storeplatform.api.gate"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("store-platform gate: " + words.format(home=tmp_path))
    assert len(done.stderr.splitlines()) == 1
