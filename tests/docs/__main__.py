"""``python -m tests.docs`` writes the generated pages."""

from .reference import pages

for file, text in pages().items():
    file.write_text(text)
