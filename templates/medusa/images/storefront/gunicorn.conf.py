"""gunicorn's configuration in the storefront's container: one process with threads, because it mostly waits for the
backend.
"""

import os

bind = f"0.0.0.0:{os.environ['PORT']}"
workers = 1
worker_class = "gthread"
# Far more than concurrent shoppers, so that a slow backend never delays the health checks.
threads = 32
keepalive = 75
timeout = 60
graceful_timeout = 20
worker_tmp_dir = "/tmp"  # noqa: S108 (the pod's own)
control_socket_disable = True
