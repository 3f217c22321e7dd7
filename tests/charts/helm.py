"""Helm, built once into the user's cache if it is not installed, and the chart as a folder that it can render."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ..cache import cached
from ..cluster.gomodule import GoModule
from ..values import CHART

HERE = Path(__file__).parent
MODULE = GoModule(HERE / "helm", "helm")
NAMESPACE, RELEASE = "store-platform", "store-platform"

Object = dict[str, Any]


class HelmError(Exception):
    """Helm failed; the message is its output."""


def build() -> Path:
    """Return the program: the one on PATH if it is Helm 4, otherwise built from the Go module proxy."""
    if (found := shutil.which("helm")) and _is_fourth(found):
        return Path(found)
    package = "helm.sh/helm/v4/cmd/helm"
    return cached("helm", MODULE.sources, lambda folder: MODULE.compile(folder, package)) / "helm"


def copy_chart(folder: Path) -> Path:
    """Copy the chart with its dependencies, like ``helm dependency build``, except that one is a stand-in."""
    chart = Path(shutil.copytree(CHART, folder / "store-platform"))
    shutil.copytree(HERE / "metacontroller-helm", chart / "charts" / "metacontroller-helm")
    return chart


def next_release(chart: Path, folder: Path) -> Path:
    """Copy the chart with a higher version number, because no release exists yet to upgrade from."""
    newer = Path(shutil.copytree(chart, folder / "newer"))
    meta = yaml.safe_load((newer / "Chart.yaml").read_text())
    (newer / "Chart.yaml").write_text(yaml.safe_dump({**meta, "version": "0.2.0", "appVersion": "0.2.0"}))
    return newer


@dataclass(frozen=True)
class Helm:
    """A program with its own home, and a cluster if there is one."""

    program: Path
    home: Path
    kubeconfig: Path | None = None

    def run(self, *arguments: str, **environment: str) -> str:
        """Return Helm's output.

        :raise HelmError: it failed.
        """
        own = {f"HELM_{name}_HOME": str(self.home / name) for name in ("CACHE", "CONFIG", "DATA")}
        cluster = {"KUBECONFIG": str(self.kubeconfig or self.home / "none")}
        command = [str(self.program), *arguments]
        done = subprocess.run(
            command, env={**os.environ, **own, **cluster, **environment}, capture_output=True, text=True
        )
        if done.returncode:
            raise HelmError(done.stderr or done.stdout)
        return done.stdout

    def template(self, chart: Path, *options: str, namespace: str = NAMESPACE) -> list[Object]:
        """Return every object, without asking a cluster; Metacontroller's CRDs are not included."""
        text = self.run("template", RELEASE, str(chart), f"--namespace={namespace}", *options)
        return [obj for obj in yaml.load_all(text, yaml.CSafeLoader) if obj]


def _is_fourth(program: str) -> bool:
    said = subprocess.run([program, "version", "--template={{.Version}}"], capture_output=True, text=True).stdout
    return said.startswith("v4.")
