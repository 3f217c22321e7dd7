"""However the process that created a node ends, nothing of the node is left on the machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from ..cluster.waiting import wait_until
from .images import Images
from .remains import ROOT
from .traces import Identity, settings

# A node with a process in its own control group and a mounted volume, like a container.
CHILD = """
import json, signal, sys
from dataclasses import asdict
from tests.node import cgroups
from tests.node.images import Images
from tests.node.node import Node
from tests.node.traces import Identity

with Node(Images()) as node:
    (*_, group) = cgroups.folders(node.group)
    folder = node.volumes() / "mounted"
    node.namespaces.run("sh", "-c", f'''
        mkdir {group}/pod {folder} && echo $$ >{group}/pod/cgroup.procs
        mount -t tmpfs tmpfs {folder}
        setsid sleep 1000 >/dev/null 2>&1 &
    ''')
    print(json.dumps(asdict(Identity.of(node.namespaces))), flush=True)
    signal.pause()
"""


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_a_node_leaves_nothing_when_its_creator_is_killed_or_interrupted(
    images: Images, ending: signal.Signals
) -> None:
    before = settings()
    # If tests run in the background of a shell, Ctrl-C is ignored, and children inherit that.
    command = ["env", "--default-signal=INT", sys.executable, "-c", CHILD]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True, text=True
    ) as maker:
        assert maker.stdout
        node = Identity(**json.loads(maker.stdout.readline()))
        present = node.traces()
        os.killpg(maker.pid, ending)
    wait_until(lambda: not node.traces(), "nothing of the node is left", 60)
    assert [part for part in (node.home, node.interface, "sleep 1000") if part not in " ".join(present)] == []
    assert settings() == before
