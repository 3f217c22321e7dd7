"""The CRDs of what the chart can use but does not contain, from their Go modules: the real schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from .helm import MODULE

FILES = {
    "github.com/cert-manager/cert-manager@v1.20.0": (
        "deploy/crds/cert-manager.io_certificates.yaml",
        "deploy/crds/cert-manager.io_issuers.yaml",
    ),
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": (
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
    ),
}


def crds() -> Iterator[dict[str, Any]]:
    """Yield each CRD.

    :raise BuildError: the module proxy is unreachable.
    """
    for module, files in FILES.items():
        folder = Path(json.loads(MODULE.run("mod", "download", "-json", module))["Dir"])
        for file in files:
            yield yaml.load((folder / file).read_text(), yaml.CSafeLoader)
