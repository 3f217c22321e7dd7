"""The documents: generated parts are current, and commands in them work."""
