"""Alerts and panels use existing metrics, and each alert has a runbook."""

from __future__ import annotations

import re
from typing import Any

import promql_parser
import yaml

from ..values import CHART
from .conftest import Render


def metrics_of(query: str) -> set[str]:
    """Return the names of the metrics in a query.

    :raise ValueError: it is not PromQL.
    """
    found: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.add(str(node.name))
        for part in ("expr", "lhs", "rhs", "vector_selector", "args"):
            child = getattr(node, part, None)
            for each in child if isinstance(child, list) else [child]:
                if each is not None and not isinstance(each, str):
                    walk(each)

    walk(promql_parser.parse(query))
    return found


def known_metrics() -> set[str]:
    """Return the platform's metrics from their definitions, and those of Prometheus and Metacontroller's libraries."""
    root, kinds = CHART.parents[1], {"Counter": ["_total"], "Gauge": [""], "Histogram": ["_bucket", "_count", "_sum"]}
    known = {"up", "workqueue_depth"}
    for file in (f for folder in ("hooks", "api", "common") for f in (root / folder).rglob("*.py")):
        text = file.read_text()
        for kind, name in re.findall(r'(Counter|Gauge|Histogram)\(\s*"(store_\w+)"', text):
            known |= {name + end for end in kinds[kind]}
        known |= set(re.findall(r'\("(store_\w+)", "', text))
    return known


def test_alerts_and_panels_use_existing_metrics(render: Render) -> None:
    (rule,) = [obj for obj in render(values="production") if obj["kind"] == "PrometheusRule"]
    queries = [each["expr"] for group in rule["spec"]["groups"] for each in group["rules"]]
    dashboard = yaml.safe_load((CHART / "grafana" / "store-platform.json").read_text())
    queries += [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert {name for query in queries for name in metrics_of(query)} - known_metrics() == set()
    assert "$namespace" not in str(rule)


def test_each_alert_links_to_its_runbook(render: Render) -> None:
    (rule,) = [obj for obj in render(values="production") if obj["kind"] == "PrometheusRule"]
    alerts = {each["alert"]: each for group in rule["spec"]["groups"] for each in group["rules"]}
    parts = [line[3:] for line in (CHART / "RUNBOOKS.md").read_text().splitlines() if line.startswith("## ")]
    assert parts == list(alerts)
    for name, alert in alerts.items():
        link = f"https://wiki.example.com/store-platform/RUNBOOKS.md#{name.lower()}"
        assert alert["annotations"]["runbook_url"] == link
