"""What fails, when: a matrix of faults and the stages of a store's life."""
