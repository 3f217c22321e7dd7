"""A real Kubernetes control plane on one machine, without containers: for the tests and the demo."""
