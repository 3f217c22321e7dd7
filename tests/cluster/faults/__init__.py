"""A matrix of faults, and the stages of a store's life at which they happen."""
