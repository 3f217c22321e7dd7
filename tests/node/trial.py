"""Try on this machine what a node does to its namespaces, before anything is built for it."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from . import cgroups
from .namespaces import program

# Each line is something that init.py, containerd, kubelet or kube-router needs.
SCRIPT = """\
mount --make-rshared /
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
truncate -s 8M volume.img
mkfs.ext4 -q -F volume.img
mkdir volume lower upper work merged
mount -o loop volume.img volume
mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay merged
ip link set lo up
ip link add pods type bridge
ip link add one type veth peer name two
iptables -t nat -A POSTROUTING -m comment --comment trial -j MASQUERADE
ipset create trial hash:ip
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
"""


def refused() -> str:
    """Return the first of these that this machine does not allow, and why; "" if it allows all. Needs PACKAGES."""
    if lacking := cgroups.lacking():
        return f"there are no control groups of {', '.join(lacking)}"
    with tempfile.TemporaryDirectory(prefix="node-trial-", dir="/var/tmp") as folder:
        try:
            cgroups.make(Path(folder).name)
        except OSError as error:
            return f"no control group can be made: {error}"
        finally:
            cgroups.remove(Path(folder).name)
        apart = [program("unshare"), "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        command = [*apart, "/bin/sh", "-exc", f"PATH=$PATH:/usr/sbin:/sbin\n{SCRIPT}"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    return "" if done.returncode == 0 else " ".join(done.stderr.split("\n+ ")[-1].split())
