"""How the storefront's container serves: one process with threads, since it mostly waits for the backend."""

import os

bind = f"0.0.0.0:{os.environ['PORT']}"
workers = 1
worker_class = "gthread"
# Far more than shoppers at once, so that a slow backend never keeps the health checks waiting.
threads = 32
keepalive = 75
timeout = 60
graceful_timeout = 20
worker_tmp_dir = "/tmp"  # noqa: S108 (the pod's own)
control_socket_disable = True
