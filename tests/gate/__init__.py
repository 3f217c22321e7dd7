"""Tests of the gate: its contract over HTTP, and its rules on the real API server."""
