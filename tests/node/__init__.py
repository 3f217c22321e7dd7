"""A real node: kubelet, containerd and what else runs containers, as processes of this machine."""
