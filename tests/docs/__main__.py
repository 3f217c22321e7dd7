"""``python -m tests.docs`` writes the generated pages."""

from .reference import REFERENCE, pages

for name, text in pages().items():
    (REFERENCE / name).write_text(text)
