"""The composite controller's webhooks: given what is observed of a store, what is desired?

``core`` holds the answer and does no I/O; ``app`` is the HTTP shell around it.
"""
