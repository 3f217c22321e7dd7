"""The composite controller's webhooks: from what is observed of a store, they compute what is desired.

``core`` computes the response and does no I/O; ``app`` is the HTTP layer around it.
"""
