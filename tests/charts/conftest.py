"""Helm, and the chart as it would be installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ..cluster.controlplane import ControlPlane
from ..cluster.fixtures import binary
from .helm import Helm, Object, build, copy_chart

__all__ = ["binary"]

Render = Callable[..., list[Object]]


@pytest.fixture(scope="package")
def program() -> Path:
    """Helm, built before the first test's own time starts."""
    return build()


@pytest.fixture(scope="package")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart, with a stand-in for Metacontroller's chart."""
    return copy_chart(tmp_path_factory.mktemp("chart"))


@pytest.fixture(scope="package")
def helm(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm without a cluster."""
    return Helm(program, tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="package")
def render(helm: Helm, chart: Path) -> Render:
    """Return the chart's objects for ``--set`` options, or for the values file of that name."""

    def rendered(*sets: str, values: str = "", namespace: str = "store-platform") -> list[Object]:
        options = [f"--set={each}" for each in sets]
        if values:
            options.append(f"--values={chart / f'values-{values}.yaml'}")
        return helm.template(chart, *options, namespace=namespace)

    return rendered


@pytest.fixture(scope="module")
def plane(binary: object) -> Iterator[ControlPlane]:
    """A control plane for one module."""
    with ControlPlane() as plane:
        yield plane
