"""Several processes of each part at once: what one of them knows or started, the others know and finish."""
