"""What the chart renders from its values."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from storeplatform.api.relay.settings import load_relay_settings
from storeplatform.api.settings import load_api_settings
from storeplatform.common.settings import load_values
from storeplatform.dashboard.settings import load_settings as load_dashboard_settings

from ..stores.platform import shipped
from ..values import CHART, settings_of
from . import schema
from .conftest import Render
from .helm import Helm, HelmError, Object

EXPECTED = Path(__file__).with_name("expected")
RELAY = (
    "hooks.settings.mail.senderDomain=mail.example.com",
    "relay.settings.server.host=smtp.example.com",
    "relay.credentialsSecret=smtp",
)
CASES: dict[str, tuple[str, tuple[str, ...]]] = {
    "defaults": ("", ()),
    "local": ("local", ()),
    "production": ("production", ()),
    "shards": ("", ("api.settings.shards=3", "metacontroller.enabled=false", "dashboard.host=", "podDiagnosis=false")),
    "relay": ("production", RELAY),
}
WORKLOADS = ("CronJob", "Deployment", "StatefulSet")


def names(objects: list[Object]) -> list[tuple[str, str]]:
    return sorted((obj["kind"], obj["metadata"]["name"]) for obj in objects)


def pick(objects: list[Object], kind: str, name: str) -> Object:
    (found,) = [obj for obj in objects if (obj["kind"], obj["metadata"]["name"]) == (kind, name)]
    return found


def as_expected(file: Path, text: str) -> None:
    """Compare with the expected file.

    STORE_PLATFORM_WRITE_EXPECTED=1 rewrites it: read the difference before committing it.
    """
    if os.environ.get("STORE_PLATFORM_WRITE_EXPECTED"):
        file.write_text(text)
    assert text == file.read_text()


@pytest.mark.parametrize("case", CASES)
def test_exactly_these_objects_are_rendered(render: Render, case: str) -> None:
    values, sets = CASES[case]
    lines = [f"{kind} {name}\n" for kind, name in names(render(*sets, values=values))]
    as_expected(EXPECTED / f"{case}.txt", "".join(lines))


@pytest.mark.parametrize(
    ("case", "name"), [("defaults", "hooks"), ("production", "api"), ("production", "dashboard"), ("relay", "relay")]
)
def test_a_complete_deployment_is_rendered(render: Render, case: str, name: str) -> None:
    deployment = pick(render(*CASES[case][1], values=CASES[case][0]), "Deployment", name)
    del deployment["spec"]["template"]["metadata"]["annotations"]["checksum/settings"]
    as_expected(EXPECTED / f"{case}-{name}.yaml", yaml.safe_dump(deployment, sort_keys=False, width=120))


@pytest.mark.parametrize("case", CASES)
def test_no_container_is_killed_while_it_starts_or_is_starved(render: Render, case: str) -> None:
    """Metacontroller's own chart has no probes, so nothing kills it; a slow job has a deadline."""
    values, sets = CASES[case]
    deployments = [obj for obj in render(*sets, values=values) if obj["kind"] == "Deployment"]
    containers = [each for obj in deployments for each in obj["spec"]["template"]["spec"]["containers"]]
    assert {each["name"] for each in containers} >= {"api", "gate", "hooks"}
    for each in containers:
        start, live = each["startupProbe"], each["livenessProbe"]
        assert start["periodSeconds"] * start["failureThreshold"] >= 300, each["name"]
        assert live["periodSeconds"] * live["failureThreshold"] >= 60, each["name"]
        assert min(each[probe]["timeoutSeconds"] for probe in each if probe.endswith("Probe")) >= 5, each["name"]


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Return every leaf by its path. A settings file's text is parsed."""
    if isinstance(value, str) and "\n" in value and path.endswith("settings.yaml"):
        value = yaml.safe_load(value)
    if isinstance(value, dict):
        return {k: v for name, each in value.items() for k, v in flat(each, f"{path}/{name}").items()}
    if isinstance(value, list):
        named = {str(each["name"]) if isinstance(each, dict) and "name" in each else str(i): each
                 for i, each in enumerate(value)}  # fmt: skip
        return flat(named, path) if value else {path: []}
    return {path: value}


# Generated in each rendering, or set by the environment.
DRAWN = ("/caBundle", "/checksum/settings", "/clientConfig/service/path")


def by_identity(objects: list[Object]) -> dict[str, dict[str, Any]]:
    return {f"{obj['kind']}/{obj['metadata']['name']}": flat(obj) for obj in objects if obj["kind"] != "Secret"}


def differences(local: dict[str, dict[str, Any]], production: dict[str, dict[str, Any]]) -> Iterator[str]:
    for identity in sorted(local.keys() ^ production.keys()):
        yield f"{identity} is in {'local' if identity in local else 'production'} alone\n"
    for identity in sorted(local.keys() & production.keys()):
        one, other = local[identity], production[identity]
        for path in sorted(one.keys() | other.keys()):
            if one.get(path) != other.get(path) and not path.endswith(DRAWN):
                yield f"{identity}{path}: {one.get(path)!r} -> {other.get(path)!r}\n"


def test_local_and_production_differ_only_in_these_fields(render: Render) -> None:
    local, production = (by_identity(render(values=values)) for values in ("local", "production"))
    as_expected(EXPECTED / "local-production.txt", "".join(differences(local, production)))


def test_no_template_contains_the_namespace_or_release() -> None:
    text = "\n".join(file.read_text() for file in (CHART / "templates").rglob("*.*"))
    places = ("k3s", "traefik", "nginx", "local-path", "longhorn", "local.urumi", "letsencrypt", "example.com")
    assert [place for place in places if place in text] == []


def test_helm_lint_finds_nothing(helm: Helm, chart: Path) -> None:
    for values in ("values.yaml", "values-local.yaml", "values-production.yaml"):
        assert "0 chart(s) failed" in helm.run("lint", str(chart), "--strict", f"--values={chart / values}")


def test_the_schema_matches_the_values_and_the_services() -> None:
    assert schema.FILE.read_text() == schema.json.dumps(schema.schema(), indent=2) + "\n"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("hooks.setings.domain=x", "additional properties 'setings' not allowed"),
        ("hooks.settings.ingress.clasName=x", "additional properties 'clasName' not allowed"),
        ("hooks.settings.plans.small.replicas=many", "got string, want integer"),
        ("api.settings.rates.read=fast", "does not match pattern"),
        ("dashboard.settings.streams=0", "minimum: got 0, want 1"),
        ("image.pullPolicy=Sometimes", "must be one of 'Always', 'IfNotPresent', 'Never'"),
        ("hooks.replicas=0", "minimum: got 0, want 1"),
        ("metacontroller.enabled=perhaps", "got string, want boolean"),
        ("api.replicas=2", "set postgresql.urlSecret, or api.replicas to 1"),
        ("dashboard.autoscaling.enabled=true", "set redis.urlSecret, or dashboard.replicas to 1"),
        (RELAY[0], "set relay.settings.server.host"),
        (",".join(RELAY[:2]), "set relay.credentialsSecret to the name of a Secret"),
        (",".join((*RELAY, "relay.settings.server.tls=none")), "relay.settings.server.tls must be starttls or tls"),
        (",".join((*RELAY, "relay.replicas=2")), "set redis.urlSecret, or relay.replicas to 1"),
        ("hooks.settings.mail.senderDomain=example", "does not match pattern"),
        ("relay.settings.server.tls=perhaps", "must be one of 'starttls', 'tls', 'none'"),
        ("monitoring.enabled=true", "set monitoring.runbooks to the address where your team reads RUNBOOKS.md"),
    ],
)
def test_an_invalid_value_is_rejected_with_its_name(render: Render, wrong: str, words: str) -> None:
    with pytest.raises(HelmError) as error:
        render(wrong)
    assert words in str(error.value)


def test_every_value_has_a_comment() -> None:
    lines = (CHART / "values.yaml").read_text().splitlines()
    commented = False
    bare = []
    for line in lines:
        text = line.strip()
        if text.startswith("#"):
            commented = True
        elif not text:
            commented = False
        elif line.startswith("  ") and not line.startswith("   ") and not text.startswith("-"):
            bare += [] if commented else [text]
            commented = False
    assert bare == []


def test_the_services_accept_the_rendered_settings(
    render: Render, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for case in ("", "local", "production"):
        objects = render(*RELAY, values=case)
        for name, file in (("settings", "settings"), ("api-settings", "api-settings"), ("dashboard-settings",) * 2):
            (tmp_path / file).write_text(pick(objects, "ConfigMap", name)["data"][f"{file}.yaml"])
        load_values(tmp_path / "settings")
        (tmp_path / "relay").write_text(pick(objects, "ConfigMap", "relay-settings")["data"]["relay-settings.yaml"])
        monkeypatch.setenv("STORE_PLATFORM_SETTINGS", str(tmp_path / "settings"))
        monkeypatch.setenv("STORE_PLATFORM_RELAY_SETTINGS", str(tmp_path / "relay"))
        monkeypatch.setenv("STORE_PLATFORM_RELAY_CREDENTIALS", str(tmp_path))
        monkeypatch.setenv("STORE_PLATFORM_RELAY_CERTIFICATE", str(tmp_path))
        monkeypatch.setenv("STORE_PLATFORM_API_SETTINGS", str(tmp_path / "api-settings"))
        load_api_settings()
        (tmp_path / "key").write_text("k" * 32)
        monkeypatch.setenv("STORE_PLATFORM_RELAY_KEY_FILE", str(tmp_path / "key"))
        assert load_relay_settings().server["host"] == "smtp.example.com"
        monkeypatch.setenv("STORE_PLATFORM_DASHBOARD_SETTINGS", str(tmp_path / "dashboard-settings"))
        monkeypatch.setenv("STORE_PLATFORM_SECRET_KEY_FILE", str(tmp_path / "key"))
        values = load_dashboard_settings().values
        assert values["api"]["url"] == "http://api.store-platform.svc"
    assert values["publicURL"] == "https://dashboard.shops.example.com"


def test_the_settings_defaults_are_the_charts(render: Render) -> None:
    assert yaml.safe_load(pick(render(), "ConfigMap", "settings")["data"]["settings.yaml"]) == settings_of("hooks")


def test_a_changed_setting_restarts_the_pods_that_read_it(render: Render) -> None:
    def checksums(*sets: str) -> dict[str, str]:
        pods = {
            obj["metadata"]["name"]: obj["spec"]["template"] for obj in render(*sets) if obj["kind"] == "Deployment"
        }
        return {name: pod["metadata"]["annotations"]["checksum/settings"] for name, pod in pods.items()}

    before, after = checksums(), checksums("hooks.settings.domain=shops.example.org")
    assert {name for name in before if before[name] != after[name]} == {"api", "controllers", "hooks"}


def test_in_another_namespace_nothing_refers_to_the_default_one(render: Render) -> None:
    sets = ("metacontroller.namespaceOverride=loops", "gate.certManager=true", "relay.certManager=true", *RELAY)
    for obj in render(*sets, namespace="shops"):
        text = yaml.safe_dump({key: value for key, value in obj.items() if key != "metadata"})
        for word in (
            "namespace: store-platform",
            "namespace: metacontroller",
            "store-platform.svc",
            ":store-platform:",
        ):
            assert word not in text, obj["metadata"]["name"]
        assert obj["metadata"].get("namespace") in (None, "shops", "loops", "default")


def test_shards_share_all_stores_and_the_first_has_unlabelled_ones(render: Render) -> None:
    controllers = [obj for obj in render("api.settings.shards=3") if obj["kind"] == "CompositeController"]
    label = "platform.urumi.dev/shard"
    assert {obj["metadata"]["name"]: obj["spec"]["parentResource"]["labelSelector"] for obj in controllers} == {
        "stores": {"matchExpressions": [{"key": label, "operator": "NotIn", "values": ["1", "2"]}]},
        "stores-1": {"matchLabels": {label: "1"}},
        "stores-2": {"matchLabels": {label: "2"}},
    }
    assert [obj["metadata"]["labels"][label] for obj in controllers] == ["0", "1", "2"]
    (one,) = [obj for obj in render() if obj["kind"] == "CompositeController"]
    assert (one["metadata"]["name"], "labelSelector" in one["spec"]["parentResource"]) == ("stores", False)


def test_the_rendered_manifests_match_those_of_the_store_tests(render: Render) -> None:
    objects = render("metacontroller.namespaceOverride=metacontroller")
    token = base64.b64decode(pick(objects, "Secret", "gate-token")["data"]["token"]).decode()
    for file in (
        "crd.yaml",
        "reserved.yaml",
        "policy.yaml",
        "boundaries.yaml",
        "rbac.yaml",
        "controller.yaml",
        "webhooks.yaml",
    ):
        for obj in shipped(file):
            made = pick(objects, obj["kind"], obj["metadata"]["name"])
            for webhook in made.get("webhooks", []):
                assert webhook["clientConfig"].pop("caBundle")
                service = webhook["clientConfig"]["service"]
                service["path"] = service["path"].replace(token, "@token")
            made["metadata"].pop("annotations", None)
            if made["kind"] == "ConfigMap":
                made["metadata"]["labels"] = obj["metadata"]["labels"]
            assert made == obj


def test_pod_diagnosis_adds_only_the_customize_hook(render: Render) -> None:
    on, off = (pick(render(*sets), "CompositeController", "stores") for sets in ((), ("podDiagnosis=false",)))
    del on["spec"]["hooks"]["customize"]
    assert off == on


def test_every_pod_meets_the_restricted_level_and_every_container_has_limits(render: Render) -> None:
    for obj in render(*RELAY, values="production"):
        if obj["kind"] in WORKLOADS:
            spec = obj["spec"].get("jobTemplate", obj)["spec"]["template"]["spec"]
            assert spec["securityContext"]["runAsNonRoot"]
            assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
            for container in spec["containers"]:
                assert container["securityContext"] == {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                    "readOnlyRootFilesystem": True,
                }
                assert container["resources"]["limits"]["memory"]


def test_only_pods_that_call_the_api_server_have_a_token(render: Render) -> None:
    with_token = set()
    for obj in render(*RELAY):
        if obj["kind"] in ("Deployment", "CronJob"):
            spec = obj["spec"].get("jobTemplate", obj)["spec"]["template"]["spec"]
            with_token |= {obj["metadata"]["name"]} if spec["automountServiceAccountToken"] else set()
    assert with_token == {"api", "controllers", "reaper"}


def test_scheduling_values_apply_to_pods_of_every_part(render: Render) -> None:
    objects = render(
        *RELAY,
        "pods.nodeSelector.disk=ssd",
        "pods.tolerations[0].operator=Exists",
        "pods.priorityClassName=shops",
        "pods.labels.team=shops",
        "pods.annotations.scraped=no",
        "hooks.pods.nodeSelector.disk=nvme",
        "hooks.pods.topologySpreadConstraints[0].maxSkew=2",
        "hooks.pods.labels.app\\.kubernetes\\.io/name=another",
    )
    workloads = {
        obj["metadata"]["name"]: obj["spec"].get("jobTemplate", obj)["spec"]["template"]
        for obj in objects
        if obj["kind"] in ("Deployment", "CronJob")
    }
    assert sorted(workloads) == ["api", "controllers", "dashboard", "hooks", "reaper", "relay"]
    for name, template in workloads.items():
        spec, metadata = template["spec"], template["metadata"]
        assert spec["nodeSelector"] == {"disk": "nvme" if name == "hooks" else "ssd"}
        assert (spec["tolerations"], spec["priorityClassName"]) == ([{"operator": "Exists"}], "shops")
        assert (metadata["labels"]["team"], metadata["annotations"]["scraped"]) == ("shops", "no")
        assert metadata["labels"]["app.kubernetes.io/name"] == f"store-{name}"
    assert workloads["hooks"]["spec"]["topologySpreadConstraints"] == [{"maxSkew": 2}]


def test_pod_selectors_include_the_installation(render: Render) -> None:
    for obj in render():
        if obj["kind"] == "Deployment":
            assert obj["spec"]["selector"]["matchLabels"]["app.kubernetes.io/instance"] == "store-platform"


def test_the_relays_key_and_mail_credentials_are_only_where_needed(render: Render) -> None:
    mounted: dict[str, set[str]] = {}
    for obj in render(*RELAY, values="production"):
        if obj["kind"] == "Deployment":
            text = yaml.safe_dump(obj["spec"]["template"]["spec"]["volumes"])
            for name in ("relay-key", "relay-tls", "smtp", "root-key"):
                if re.search(rf"(secretName|name): {name}$", text, re.MULTILINE):
                    mounted.setdefault(name, set()).add(obj["metadata"]["name"])
    assert mounted == {
        "relay-key": {"controllers", "hooks", "relay"},
        "relay-tls": {"controllers", "hooks", "relay"},
        "smtp": {"relay"},
        "root-key": {"hooks"},
    }


def test_only_stores_and_controllers_reach_the_relay(render: Render) -> None:
    policy = pick(render(*RELAY), "NetworkPolicy", "relay")
    first, metrics = policy["spec"]["ingress"]
    assert [sorted(peer) for peer in first["from"]] == [["namespaceSelector"], ["podSelector"]]
    assert first["ports"] == [{"port": "smtps", "protocol": "TCP"}]
    assert metrics["ports"] == [{"port": "metrics", "protocol": "TCP"}]
    assert {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]} == {53, 587}


def test_no_store_sends_as_the_platform_or_a_role_address_of_the_domain(render: Render) -> None:
    names = pick(render(*RELAY, "reserved.names={www}"), "ConfigMap", "reserved")["data"]["names"].split()
    assert {"abuse", "platform", "postmaster", "www"} <= set(names)
    assert "abuse" not in pick(render(), "ConfigMap", "reserved")["data"]["names"].split()
