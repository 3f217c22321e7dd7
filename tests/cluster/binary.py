"""Build the control plane's single Go program, once, into the user's cache."""

from dataclasses import dataclass
from pathlib import Path

from ..cache import cached
from .gomodule import GoModule

MODULE = GoModule(Path(__file__).with_name("controlplane"), "control plane")
STAGES = ("node/fast", "node/heartbeat-with-lease", "pod/fast", "volume/fast")


@dataclass(frozen=True)
class Binary:
    """A finished build.

    `stages` is a directory of KWOK's Stage files, which simulate nodes, pods and volumes, and its StorageClass.
    """

    program: Path
    stages: Path


def build() -> Binary:
    """Return the program, from the cache if it was built before. Safe to call from several processes at once.

    :raise BuildError: it could not be built; the message says why and what to do.
    """
    home = cached("controlplane", MODULE.sources, _build_into)
    return Binary(home / "controlplane", home / "stages")


def _build_into(folder: Path) -> None:
    MODULE.compile(folder, ldflags=_ldflags())
    _copy_stages(folder / "stages")


def _ldflags() -> str:
    """Strip the program, and set its version, because clients parse the server's version."""
    version, major, minor = MODULE.find(r"^\s*k8s\.io/kubernetes (v(\d+)\.(\d+)\.\d+)$")
    package = "k8s.io/component-base/version"
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    return " ".join(["-s -w", *(f"-X {package}.{name}={value}" for name, value in values.items())])


def _copy_stages(into: Path) -> None:
    module = Path(MODULE.run("list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kwok").strip())
    for stage in STAGES:
        (into / stage).mkdir(parents=True)
        for source in (module / "kustomize" / "stage" / stage).glob("*.yaml"):
            if source.name != "kustomization.yaml":
                (into / stage / source.name).write_bytes(source.read_bytes())
