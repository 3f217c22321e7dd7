"""Run a container of a rendered manifest as a process of this machine, with bubblewrap instead of a container runtime.

Command, arguments, environment, user, volumes and probes are the manifest's; its root is read-only, it has no
capabilities, and it finds the store's Services by their names. So an error in a template makes it fail. It has no
network, memory limit or process namespace of its own.
"""

from __future__ import annotations

import base64
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from ..cluster.processes import Process
from ..cluster.waiting import wait_until
from .image import Image
from .kubelet import command_line, environment

Object = dict[str, Any]


class Cluster:
    """A store's rendered objects, and a folder of this machine for its volumes and logs.

    :param addresses: addresses of Services that are not at 127.0.0.1, by name.
    """

    def __init__(
        self,
        objects: list[Object],
        images: Mapping[str, Image],
        area: Path,
        addresses: Mapping[str, str] | None = None,
    ) -> None:
        self.objects, self.images, self.area = objects, images, area
        names = [obj["metadata"]["name"] for obj in objects if obj["kind"] == "Service"]
        hosts = {"localhost": "127.0.0.1", **dict.fromkeys(names, "127.0.0.1"), **(addresses or {})}
        (area / "hosts").write_text("".join(f"{address} {name}\n" for name, address in hosts.items()))
        self.started: list[Container] = []

    def secrets(self) -> dict[str, dict[str, str]]:
        """Return the values of every Secret, by key."""
        return {
            obj["metadata"]["name"]: {
                key: base64.b64decode(value).decode() for key, value in obj.get("data", {}).items()
            }
            for obj in self.objects
            if obj["kind"] == "Secret"
        }

    def find(self, kind: str, name: str) -> Object:
        """Return the only object of that kind whose name has that prefix."""
        (found,) = [o for o in self.objects if o["kind"] == kind and o["metadata"]["name"].startswith(name)]
        return found

    def run(self, kind: str, name: str) -> None:
        """Run a Job's or CronJob's containers one after the other.

        :raise AssertionError: one exits with another code than 0; the message contains the end of its log.
        """
        for container in self.containers(kind, name):
            container.run()

    def start(self, kind: str, name: str) -> Container:
        """Start a workload's only pod and wait until its probes succeed."""
        container = self.launch(kind, name)
        container.await_ready()
        return container

    def launch(self, kind: str, name: str) -> Container:
        """Start a workload's only pod, its sidecars first, without waiting. Return its last container."""
        for container in self.containers(kind, name):
            container.start()
            self.started.append(container)
        return container

    def exec(self, kind: str, name: str, *command: str) -> str:
        """Return the output of a command inside a workload's last container.

        :raise CalledProcessError: it fails.
        """
        return self.containers(kind, name)[-1].exec(list(command))

    def stop(self) -> None:
        """Stop everything that was started, in reverse order."""
        while self.started:
            self.started.pop().stop()

    def secret_folder(self, name: str) -> Path:
        """Return the folder of a mounted Secret's files."""
        folder = self.area / "volumes" / f"secret-{name}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def write_secret(self, name: str, values: dict[str, str]) -> None:
        """Change a mounted Secret like the kubelet does: atomically, by the link "..data"."""
        folder = self.secret_folder(name)
        new = Path(tempfile.mkdtemp(prefix="..", dir=folder))
        new.chmod(0o755)
        for key, value in values.items():
            (new / key).write_text(value)
        link = folder / "..new"
        link.symlink_to(new.name)
        link.rename(folder / "..data")

    def containers(self, kind: str, name: str) -> list[Container]:
        """Return a workload's containers in the order they start."""
        spec = self.find(kind, name)["spec"]
        pod = spec.get("jobTemplate", {}).get("spec", spec)["template"]["spec"]
        return [Container(self, name, pod, each) for each in [*pod.get("initContainers", []), *pod["containers"]]]


class Container:
    """One container of a pod. Its output goes to a log named after its pod and itself."""

    def __init__(self, cluster: Cluster, pod_name: str, pod: Object, spec: Object) -> None:
        self.cluster, self.pod_name, self.pod, self.spec = cluster, pod_name, pod, spec
        self.image = cluster.images[spec["image"]]
        self.env = environment(spec, self.image, cluster.secrets())
        self.log = cluster.area / f"{pod_name}-{spec['name']}.log"
        self.termination = cluster.area / f"{pod_name}-{spec['name']}.termination"
        command = self._inside(command_line(spec, self.image, self.env))
        self.process = Process(f"{pod_name}/{spec['name']}", command, self.log, self.env)

    def start(self) -> None:
        """Start it without waiting."""
        self.process.start()

    def stop(self, timeout: float = 60) -> bool:
        """Ask its program to stop, by the image's signal, and kill what is left; return whether it stopped itself."""
        if pid := self.process.pid:
            # The first child of bubblewrap, which itself forwards no signals.
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                os.kill(int(child), signal.Signals[self.image.stop_signal])
        ended = self.process.await_end(timeout)
        self.process.kill()
        return ended

    def run(self) -> None:
        """Run it to its end.

        :raise AssertionError: it exits with another code than 0.
        """
        code, text = self.run_for_code()
        assert code == 0, f"{self.pod_name}/{self.spec['name']} ended with {code}:\n{text[-3000:]}"

    def run_for_code(self) -> tuple[int, str]:
        """Run it to its end; return its exit code and output."""
        done = subprocess.run(
            self.process.command, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        with self.log.open("a") as log:
            log.write(done.stdout)
        return done.returncode, done.stdout

    def await_ready(self, timeout: float = 120) -> None:
        """Wait until the startup and the readiness probe succeed."""
        for name in ("startupProbe", "readinessProbe"):
            if name in self.spec:
                self.await_probe(name, timeout)

    def await_probe(self, name: str, timeout: float = 120) -> None:
        """Wait until the probe of that name succeeds."""
        what = f"{self.pod_name}'s {name} succeeds"
        wait_until(lambda: self.probe(self.spec[name]), what, timeout, stop_if=self.process.failure)

    def exec(self, command: list[str]) -> str:
        """Return the output of a command inside it.

        :raise CalledProcessError: it fails.
        """
        done = subprocess.run(self._inside(command), env=self.env, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def probe(self, probe: Object) -> bool:
        """Whether the manifest's probe succeeds now."""
        if "exec" in probe:
            return (
                subprocess.run(self._inside(probe["exec"]["command"]), env=self.env, capture_output=True).returncode
                == 0
            )
        get = probe["httpGet"]
        headers = {header["name"]: header["value"] for header in get.get("httpHeaders", [])}
        address = f"http://127.0.0.1:{self._port(get['port'])}{get['path']}"
        return requests.get(address, headers=headers, timeout=probe["timeoutSeconds"]).status_code < 400

    def _port(self, name: str) -> int:
        (port,) = [port["containerPort"] for port in self.spec["ports"] if port["name"] == name]
        return int(port)

    def _inside(self, command: list[str]) -> list[str]:
        user, group = self.pod["securityContext"]["runAsUser"], self.pod["securityContext"]["runAsGroup"]
        assert self.spec["securityContext"]["readOnlyRootFilesystem"] is True
        users = self.cluster.area / f"passwd-{user}"
        if not users.exists():  # another container may read it now
            users.write_text(f"shop:x:{user}:{group}::/nonexistent:/bin/sh\n")
        arguments = [
            "--unshare-user",
            "--uid",
            str(user),
            "--gid",
            str(group),
            "--cap-drop",
            "ALL",
            "--die-with-parent",
        ]
        for link in ("bin", "lib", "lib64", "sbin"):
            arguments += ["--symlink", f"usr/{link}", f"/{link}"]
        for folder in dict.fromkeys(["/usr", "/etc", "/proc", sys.base_prefix]):
            arguments += ["--ro-bind", folder, folder]
        arguments += ["--ro-bind", str(self.cluster.area / "hosts"), "/etc/hosts"]
        arguments += ["--ro-bind", str(users), "/etc/passwd", "--dev", "/dev"]
        if message := self.spec.get("terminationMessagePath"):
            self.termination.touch(0o666)
            arguments += ["--bind", str(self.termination), message]
        for place, here in self.image.files.items():
            arguments += ["--ro-bind", str(here), place]
        for mount in self.spec.get("volumeMounts", []):
            kind = "--ro-bind" if mount.get("readOnly") else "--bind"
            arguments += [kind, str(self._volume(mount)), mount["mountPath"]]
        arguments += ["--remount-ro", "/", "--chdir", self.image.workdir, "--"]
        return [str(shutil.which("bwrap")), *arguments, *command]

    def _volume(self, mount: Object) -> Path:
        (volume,) = [volume for volume in self.pod["volumes"] if volume["name"] == mount["name"]]
        if "secret" in volume:
            return self.cluster.secret_folder(volume["secret"]["secretName"])
        claim = volume.get("persistentVolumeClaim", {}).get("claimName")
        if claim:
            self.cluster.find("PersistentVolumeClaim", claim)
        name = f"claim-{claim}" if claim else f"empty-{self.pod_name}-{volume['name']}"
        folder = self.cluster.area / "volumes" / name / mount.get("subPath", "")
        folder.mkdir(parents=True, exist_ok=True)
        return folder
