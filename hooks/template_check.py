"""Render every template once at start-up, so that the service refuses to start with a broken engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any

from storeplatform.common.configuration import ConfigurationError

from .core import RenderError, Store, render
from .core.integrations import ConnectedIntegration
from .core.render import RenderedStage
from .settings import Settings

WORKLOADS = ("Deployment", "StatefulSet")
# By the type of a field: its value in a store that uses every option.
SAMPLES = {"str": "x", "bool": True, "int": 1}


def samples(settings: Settings, engine: str, plan: str) -> list[Store]:
    """Return, for each version of an engine, a store that uses every option, so that every branch of the templates is
    rendered.
    """
    optional: dict[str, Any] = {
        each.name: SAMPLES[str(each.type)]
        for each in fields(Store)
        if each.default is not MISSING and str(each.type) in SAMPLES
    }
    connections = tuple(
        ConnectedIntegration(name, settings.integrations[name].values["condition"], "x", next(iter(providers)), 443)
        for name in settings.engines[engine].values["integrations"]
        if (providers := settings.integrations[name].values["providers"])
    )
    shop = (("country", "DE"), ("currency", "EUR"), ("priceFormat", "¤1,234.56"), ("title", "s"))
    return [
        Store(
            "s",
            "0",
            "o",
            engine,
            version,
            plan,
            "s.test",
            "a@s.test",
            1,
            1,
            True,
            shop,
            connections=connections,
            **optional,
        )
        for version in settings.engines[engine].versions
    ]


def check_templates(settings: Settings) -> None:
    """Render every engine, version and plan once.

    :raise ConfigurationError: one can't be rendered.
    """
    for engine in settings.engines.values():
        for plan in settings.plans:
            for sample in samples(settings, engine.name, plan):
                try:
                    wrong = faults(engine.values, render(settings, sample))
                except RenderError as error:
                    wrong = [str(error)]
                if wrong:
                    raise ConfigurationError(f"engine {engine.name} {sample.version}, plan {plan}: {'; '.join(wrong)}")


def faults(engine: Mapping[str, Any], stages: Sequence[RenderedStage]) -> list[str]:
    """Return contradictions between an engine's file and its objects."""
    keys = [manifest.key for stage in stages for manifest in stage.manifests]
    named = {kind: sorted(key.name for key in keys if key.kind == kind) for kind in ("Service", *WORKLOADS)}
    working = sorted(name for kind in WORKLOADS for name in named[kind])
    routed = dict.fromkeys(route["service"] for route in engine["routes"])
    return [
        *(f"two manifests define {key}" for key in dict.fromkeys(keys) if keys.count(key) > 1),
        *_unmade("routes", "Service", routed, named["Service"]),
        *_unmade("components", " or ".join(WORKLOADS), engine["components"], working),
        *(
            f"stages: {stage.condition} has the role migrate, but its manifests define no Job"
            for stage in stages
            if stage.role == "migrate" and not any(manifest.key.kind == "Job" for manifest in stage.manifests)
        ),
    ]


def _unmade(where: str, kind: str, wanted: Iterable[str], made: Sequence[str]) -> list[str]:
    there = ", ".join(made) or "none"
    return [
        f"{where}: no manifest defines the {kind} {name}; defined are: {there}" for name in wanted if name not in made
    ]
