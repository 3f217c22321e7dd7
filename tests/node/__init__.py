"""A real node: kubelet, containerd and everything else that runs containers, as processes of this machine."""
