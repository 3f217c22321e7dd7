"""Several of each part at once: what one of them knows or began, the others know and finish."""
