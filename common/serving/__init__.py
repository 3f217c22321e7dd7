"""Serve an application: JSON logs, metrics, and gunicorn with limits on every part of an exchange.

This package knows nothing about the applications it serves.
"""

from .logs import configure_logs
from .server import Serving, serve

__all__ = ["Serving", "configure_logs", "serve"]
