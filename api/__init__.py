"""What of the platform acts on the cluster by itself, with a client and a role of its own."""
