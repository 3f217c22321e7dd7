"""Tests of the audit store, with real SQLite and PostgreSQL."""
