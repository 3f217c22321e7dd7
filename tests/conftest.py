"""What tests of every folder may ask for. One browser for all: Playwright can be started once in a process."""

from .browser import browser, context_options, page

__all__ = ["browser", "context_options", "page"]
