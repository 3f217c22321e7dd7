"""Serve files whose addresses contain a content hash, so that browsers cache them: the style sheet, and placeholder
pictures.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from flask import Flask, Response, render_template, url_for

YEAR = 365 * 24 * 3600


def add_to(app: Flask) -> None:
    """Give templates ``asset(name)``: the address of a static file, with a hash of its content."""
    folder = Path(str(app.static_folder))
    hashes = {f.name: hashlib.sha256(f.read_bytes()).hexdigest()[:12] for f in folder.iterdir()}
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = YEAR
    app.jinja_env.globals["asset"] = lambda name: url_for("static", filename=name, v=hashes[name])

    @app.get("/pictures/<handle>.svg")
    def picture(handle: str) -> Response:
        """Return a placeholder picture for a product without pictures, always the same for the same handle."""
        seed = hashlib.sha256(handle.encode()).digest()
        answer = Response(render_template("picture.svg", seed=list(seed)), mimetype="image/svg+xml")
        answer.cache_control.max_age = YEAR
        answer.cache_control.public = True
        return answer
