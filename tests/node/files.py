"""The configuration files of the node's programs."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from ..cluster.components import PODS

NODE = "node-0"
SOCKET = "/run/containerd/containerd.sock"
CLUSTER_DNS = "10.0.0.10"
# The controller manager gives the first node the first range of the pods' addresses.
NODE_PODS = "10.244.0.0/24"


def containerd(root: Path, pause: str, *, state: Path, socket: str, networks: Path) -> str:
    """Return containerd's configuration (1.6 and 1.7).

    :param pause: the image that holds a pod's namespaces open.
    :param networks: the folder of the pod network's configuration.
    """
    return f"""\
version = 2
root = "{root}"
state = "{state}"
oom_score = 0
[grpc]
address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{pause}"
# Without CAP_SYS_RESOURCE nothing can be made less likely to be killed.
restrict_oom_score_adj = true
disable_apparmor = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{networks}"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
"""


def network() -> str:
    """Return the pod network's configuration: a bridge, with addresses that are unique on the node's network."""
    bridge = {
        "type": "bridge",
        "bridge": "pods",
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": {"type": "host-local", "ranges": [[{"subnet": NODE_PODS}]], "routes": [{"dst": "0.0.0.0/0"}]},
    }
    return json.dumps({"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge]})


def kubelet(home: Path, authority: Path, address: str, group: str) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": address,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(authority)},
            },
            "authorization": {"mode": "Webhook"},
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{group}",
            "failCgroupV1": False,
            "clusterDNS": [CLUSTER_DNS],
            "clusterDomain": "cluster.local",
            "containerRuntimeEndpoint": f"unix://{SOCKET}",
            "failSwapOn": False,
            "oomScoreAdj": 0,
            "maxOpenFiles": 100000,
            "maxPods": 200,
            # Images can't be pulled again.
            "imageGCHighThresholdPercent": 100,
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "500Mi", "imagefs.available": "500Mi"},
            "podLogsDir": f"{home}/pod-logs",
            "resolvConf": f"{home}/resolv.conf",
            "volumePluginDir": f"{home}/volume-plugins",
            "healthzBindAddress": address,
        }
    )


def kube_proxy(kubeconfig: Path) -> str:
    """Return kube-proxy's configuration. The kernel's connection tracking limits stay as they are."""
    none = {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}
    return yaml.safe_dump(
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "clientConnection": {"kubeconfig": str(kubeconfig)},
            "clusterCIDR": PODS,
            "hostnameOverride": NODE,
            "mode": "iptables",
            "conntrack": none,
        }
    )
