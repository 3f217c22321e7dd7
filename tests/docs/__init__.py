"""The documents: what is generated in them is current, and what they show works."""
