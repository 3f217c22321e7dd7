"""The platform's own controllers, beside Metacontroller: what no pure hook can do, in one small process.

Each compares two things and acts on the difference. A run that fails is repeated, and repeating it changes nothing.
"""
