"""Run containers of rendered manifests as processes of this machine."""
