"""Fixtures for tests of every folder. One browser for all: Playwright can be started once per process."""

from .browser import browser, context_options, page

__all__ = ["browser", "context_options", "page"]
