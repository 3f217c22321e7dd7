"""The platform's own controllers, beside Metacontroller: what pure hooks can't do, in one small process.

Each compares two states and acts on the difference. A run that fails is repeated, and repeating it is idempotent.
"""
