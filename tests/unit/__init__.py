"""Pure code of the API and the dashboard: no process, no network, no cluster."""
