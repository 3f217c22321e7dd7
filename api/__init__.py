"""The parts of the platform that act on the cluster, each with a client and a role of its own."""
