"""The parts of the platform that act on the cluster. Each has its own client and its own role."""
