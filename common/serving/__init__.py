"""Serve an application: JSON logs, metrics, and gunicorn with limits on every part of an exchange.

This package knows nothing about the applications it serves.
"""
