"""The first process of the node's namespaces: it prepares them, and when it ends, the kernel ends all processes in
them.

    unshare --net --mount --pid --fork --kill-child --mount-proc python init.py FOLDER

Every mount and setting made here is limited to the namespaces. The last line it prints is "ready".
"""

import signal
import subprocess
import sys
from pathlib import Path

# Settings that a kubelet would change, with the values it wants: it finds them set, and changes nothing on the machine.
KERNEL = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
# The folder of the node's programs' logs.
PRIVATE = ("/run", "/var/log", "/var/lib/kubelet", "/var/lib/cni")


def run(*command):
    """Run a command.

    :raise CalledProcessError: it failed.
    """
    subprocess.run(command, check=True)


def main():
    """Prepare everything, and wait for the end."""
    folder = Path(sys.argv[1])
    run("mount", "--make-rshared", "/")
    # Only a new sysfs shows this network namespace's devices; the cgroups below it are the machine's.
    cgroups = folder / "cgroups"
    cgroups.mkdir()
    run("mount", "--rbind", "/sys/fs/cgroup", str(cgroups))
    run("mount", "-t", "sysfs", "sysfs", "/sys")
    run("mount", "--rbind", str(cgroups), "/sys/fs/cgroup")
    for name, value in KERNEL.items():
        setting = folder / name.replace("/", "-")
        setting.write_text(f"{value}\n")
        run("mount", "--bind", str(setting), f"/proc/sys/{name}")
    for place in PRIVATE:
        Path(place).mkdir(parents=True, exist_ok=True)
        run("mount", "-t", "tmpfs", "tmpfs", place)
    # No registry is reachable from here; a name server that refuses makes pulls fail at once.
    resolver = folder / "resolver"
    resolver.write_text("nameserver 127.0.0.1\n")
    run("mount", "--bind", str(resolver), "/etc/resolv.conf")
    volumes = folder / "volumes"
    volumes.mkdir()
    run("mount", "-o", "loop", str(folder / "volumes.img"), str(volumes))
    run("ip", "link", "set", "lo", "up")
    for name in ("net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables"):
        Path("/proc/sys", name).write_text("1\n")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # orphans are reaped by the kernel
    print("ready", flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
