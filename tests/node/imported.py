"""Images as containerd stores them, imported once into the user's cache, and copied to each node.

Unpacking all of them takes minutes. Unpacked layers never change: a container writes into its own layer.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from ..cache import cached
from ..cluster.processes import Process
from ..cluster.waiting import wait_until
from . import files
from .images import APART, Image
from .namespaces import program, run

# Below containerd's root: its databases, and the two folders that do not change.
BLOBS = Path("io.containerd.content.v1.content/blobs/sha256")
SNAPSHOTS = Path("io.containerd.snapshotter.v1.overlayfs/snapshots")


def lend(images: list[Image], root: Path) -> None:
    """Create containerd's root in an empty folder, with all these images."""
    keys = [image.archive.with_name("key") for image in images]
    kept = cached("node-images", keys, lambda folder: _import(images, folder)) / "root"
    links = {BLOBS, SNAPSHOTS}

    def ignored(folder: str, names: list[str]) -> list[str]:
        return names if Path(folder).relative_to(kept) in links else []

    shutil.copytree(kept, root, ignore=ignored)
    for folder in links:
        for each in (kept / folder).iterdir():
            (root / folder / each.name).symlink_to(each)


def _import(images: list[Image], folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="containerd-") as name:
        state = Path(name)
        socket = f"{state}/containerd.sock"
        text = files.containerd(folder / "root", images[0].name, state=state, socket=socket, networks=state)
        (state / "config.toml").write_text(text)
        command = [*APART, program("containerd"), "--config", f"{state}/config.toml"]
        containerd = Process("containerd", command, folder / "containerd.log")
        containerd.start()
        try:
            client = ("ctr", "--address", socket, "--namespace", "k8s.io")
            wait_until(lambda: run(*client, "version"), "containerd answers", 120, stop_if=containerd.failure)
            for image in images:
                run(*client, "images", "import", str(image.archive))
        finally:
            containerd.kill()
