"""Generate the reference pages in ``docs/reference`` from the sources that define their content."""

from __future__ import annotations

import ast
import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from storeplatform.api import resources
from storeplatform.api.crd import Node, part
from storeplatform.api.operations import Operation
from storeplatform.common.engines import ROLES, Engine, load_engines
from storeplatform.common.reasons import REASONS
from storeplatform.templates import ENGINES

from ..values import CHART

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
README, VALUES = CHART / "README.md", "## Values\n"
# Which service exports what a folder's modules define.
SERVICES = {
    "hooks": "hooks",
    "api": "intent API",
    "api/audit": "intent API, gate",
    "api/controllers": "controllers",
    "api/gate": "gate",
    "api/relay": "mail relay",
    "common/serving": "hooks, intent API, gate, dashboard",
}
GENERATED = "<!-- Generated: python -m tests.docs -->\n"


def pages() -> dict[Path, str]:
    """Return the generated pages, and the chart's README, whose last section is generated."""
    return {
        REFERENCE / "store.md": store(),
        REFERENCE / "conditions.md": conditions(),
        REFERENCE / "values.md": f"{GENERATED}\n# Chart values\n\n{values()}",
        REFERENCE / "operations.md": operations(),
        REFERENCE / "metrics.md": metrics(),
        README: README.read_text().partition(VALUES)[0] + f"{VALUES}\n{GENERATED}\n{values()}",
    }


def store() -> str:
    """Return the page about every field of a Store, from the CRD."""
    lines = [GENERATED, "# Store fields\n", "`kubectl explain store.spec --recursive` shows the same.\n"]
    for name in ("spec", "status"):
        lines += [f"## {name}\n", "| field | type | default | description |", "|---|---|---|---|"]
        lines += [*_fields(part(name), ""), ""]
    return "\n".join(lines)


def _fields(node: Node, path: str) -> Iterator[str]:
    for name, each in node.get("properties", {}).items():
        required = ", required" if name in node.get("required", []) else ""
        choices = each.get("enum", [])
        named = ", ".join(f"`{choice}`" if "," in str(choice) else str(choice) for choice in choices)
        allowed = f": {named}" if 0 < len(choices) <= 10 else ""
        default = f"`{_json(each['default'])}`" if "default" in each else ""
        description = _cell(each.get("description", ""))
        yield f"| `{path}{name}` | {each['type']}{allowed}{required} | {default} | {description} |"
        yield from _fields(each, f"{path}{name}.")
        yield from _fields(each.get("items", {}), f"{path}{name}[].")


def conditions() -> str:
    """Return the page about every condition with its labels for owners, and every reason with its remedy."""
    lines = [GENERATED, "# Conditions and reasons\n", "## Conditions\n"]
    lines += ["A store has one condition for each stage of its engine, in this order.\n"]
    lines += ["| condition | stages that it covers | engines | owners read |", "|---|---|---|---|"]
    engines = load_engines(ENGINES)
    found = {stage.condition: stage for each in engines.values() for stage in each.stages}
    order = sorted(found, key=lambda name: ROLES.index(found[name].role))
    lines += [_condition(name, found[name].words["en"], engines) for name in order]
    lines += ["", "## Reasons that need somebody\n", "| reason | cause | remedy |", "|---|---|---|"]
    lasting = {name: each for name, each in REASONS.items() if each.remedy}
    lines += [
        f"| {name} | {_cell(each.cause)} | {_cell(each.remedy)} |" for name, each in REASONS.items() if each.remedy
    ]
    lines += ["", "## What owners read\n", "| reason | on the dashboard |", "|---|---|"]
    lines += [f"| {name} | {_cell(each.owner['en'])} |" for name, each in REASONS.items() if each.owner]
    lines += ["", "## Reasons that pass\n", "| reason | meaning |", "|---|---|"]
    lines += [f"| {name} | {_cell(each.cause)} |" for name, each in REASONS.items() if name not in lasting]
    return "\n".join(lines) + "\n"


def _condition(name: str, words: str, engines: Mapping[str, Engine]) -> str:
    stages = {
        str(each.values["title"]): [stage.role for stage in each.stages if stage.condition == name]
        for each in engines.values()
    }
    roles = list(dict.fromkeys(role for each in stages.values() for role in each))
    having = [title for title, each in stages.items() if each]
    return f"| {name} | {', '.join(roles)} | {'all' if len(having) == len(engines) else ', '.join(having)} | {words} |"


def values() -> str:
    """Return the table of every value of the chart with its comment and default."""
    text = (CHART / "values.yaml").read_text()
    lines = ["A list or mapping that is not described by its parts is shown whole.\n"]
    lines += ["| value | default | use |", "|---|---|---|"]
    return "\n".join([*lines, *_values(yaml.compose(text), "", text.splitlines())]) + "\n"


def _values(node: yaml.MappingNode, path: str, lines: list[str]) -> Iterator[str]:
    for key, value in node.value:
        name, comment = f"{path}{key.value}", _comment_above(key.start_mark.line, lines)
        described = isinstance(value, yaml.MappingNode) and any(
            _comment_above(each.start_mark.line, lines) for each, _ in value.value if not value.flow_style
        )
        default = "" if described else f"`{_json(yaml.SafeLoader('').construct_document(value))}`"
        if comment or not described:
            yield f"| `{name}` | {default} | {comment} |"
        if described:
            yield from _values(value, f"{name}.", lines)


def _comment_above(line: int, lines: list[str]) -> str:
    found: list[str] = []
    while line > 0 and lines[line - 1].strip().startswith("#"):
        line -= 1
        found.insert(0, lines[line].strip().lstrip("#").strip())
    return _cell(" ".join(found))


def operations() -> str:
    """Return the page about every operation of the intent API."""
    lines = [GENERATED, "# Operations of the intent API\n"]
    lines += ["Addresses are below `/api/v1`. `/openapi.json` has every parameter, schema and error.\n"]
    lines += ["| operation | for | rate | use |", "|---|---|---|---|"]
    for each in sorted(_operations(), key=lambda each: (each.path, each.method)):
        path = re.sub(r"<(?:path:)?(\w+)>", r"{\1}", each.path)
        lines.append(f"| `{each.method} {path}` | {each.access.value} | {each.rate.value} | {_cell(each.summary)} |")
    return "\n".join(lines) + "\n"


def _operations() -> Iterator[Operation]:
    for kind in (each for each in vars(resources).values() if isinstance(each, type)):
        for name, function in vars(kind).items():
            if marked := getattr(function, "operation", None):
                yield replace(marked, name=name)


def metrics() -> str:
    """Return the page about every metric that a service exports."""
    lines = [
        GENERATED,
        "# Metrics\n",
        "Each service exports its own in the format of Prometheus, at `/metrics` on its\n",
    ]
    lines[-1] += (
        "port `metrics`. With `monitoring.enabled` in the chart's values, the Prometheus operator collects them.\n"
    )
    lines += ["| metric | type | labels | exported by | meaning |", "|---|---|---|---|---|"]
    found = sorted((service, *each) for folder, service in SERVICES.items() for each in _metrics(ROOT / folder))
    lines += [
        f"| `{name}` | {kind} | {', '.join(labels)} | {service} | {_cell(meaning)} |"
        for service, name, kind, labels, meaning in found
    ]
    return "\n".join(lines) + "\n"


def _metrics(folder: Path) -> Iterator[tuple[str, str, list[str], str]]:
    """Yield the name, type, labels and meaning of each metric in a folder's modules."""
    for file in sorted(folder.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(ast.Name("Counter" | "Gauge" | "Histogram" as kind), [name, meaning, *more]):
                    labels = ast.literal_eval(more[0]) if more else []
                case ast.Tuple([name, meaning, _]):  # of gauges that call a function
                    kind, labels = "Gauge", []
                case _:
                    continue
            match name, meaning:
                case ast.Constant(str(text)), ast.Constant(str(what)) if text.startswith("store_"):
                    yield f"{text}_total" if kind == "Counter" else text, kind.lower(), labels, what


def _cell(text: str) -> str:
    """Return text as one cell of a table."""
    return html.escape(" ".join(text.split()), quote=False).replace("|", "\\|")


def _json(value: Any) -> str:
    return json.dumps(value).replace("|", "\\|")
