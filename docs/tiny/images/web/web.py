"""The page of a tiny shop. Settings, from the environment: PORT, TITLE."""

import html
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Page(BaseHTTPRequestHandler):
    """The title, and nothing else."""

    def do_GET(self):
        text = f"<!doctype html><title>{html.escape(os.environ['TITLE'])}</title>".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


ThreadingHTTPServer(("", int(os.environ["PORT"])), Page).serve_forever()
