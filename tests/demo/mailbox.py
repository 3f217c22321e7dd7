"""A page with the mails that the demo's shops and the platform have sent."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask, abort, render_template_string
from werkzeug.serving import make_server

from tests.shop.mailbox import MailServer

HEAD = """<!doctype html><meta charset=utf-8><meta name=viewport content="width=device-width">
<style>
body { font: 1rem/1.5 system-ui; margin: 2rem }
td, th { padding-right: 2rem; text-align: left }
iframe { width: 100%; height: 30rem }
</style>
"""
LIST = (
    HEAD
    + """<title>Mailbox</title><h1>Mailbox</h1>
{% if mails %}<table><tr><th>To<th>From<th>Subject</tr>
{% for number, mail in mails %}
<tr><td>{{ mail["X-Recipient"] }}<td>{{ mail["From"] }}<td><a href="/{{ number }}">{{ mail["Subject"] }}</a></tr>
{% endfor %}</table>
{% else %}<p>No mail has been sent yet.</p>{% endif %}"""
)
# The frame's sandbox shows a mail's HTML without scripts and navigation.
MAIL = (
    HEAD
    + """<title>{{ mail["Subject"] }}</title><p><a href="/">Mailbox</a></p><h1>{{ mail["Subject"] }}</h1>
<p>From {{ mail["From"] }} to {{ mail["X-Recipient"] }}</p>
{% for part in parts %}<h2>{{ part.get_content_subtype() }}</h2>
{% if part.get_content_subtype() == "html" %}<iframe sandbox srcdoc="{{ part.get_content() }}"></iframe>
{% else %}<pre>{{ part.get_content() }}</pre>{% endif %}{% endfor %}"""
)


def application(mail: MailServer) -> Flask:
    """Return the pages of that server's mails: the list at "/", newest first, and each mail at "/<number>"."""
    app = Flask(__name__)

    @app.get("/")
    def listed() -> str:
        return render_template_string(LIST, mails=[*enumerate(mail.mails())][::-1])

    @app.get("/<int:number>")
    def shown(number: int) -> str:
        mails = mail.mails()
        if number >= len(mails):
            abort(404)
        parts = [each for each in (mails[number].get_body((kind,)) for kind in ("html", "plain")) if each]
        return render_template_string(MAIL, mail=mails[number], parts=parts)

    return app


@contextmanager
def mailbox(mail: MailServer) -> Iterator[str]:
    """Serve those pages during the context, on this machine only; yield their address."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # the demo shows what changes, not who reads a mail
    server = make_server("127.0.0.1", 0, application(mail), threaded=True)
    thread = threading.Thread(target=server.serve_forever, name="mailbox", daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
