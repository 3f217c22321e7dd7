"""What is pure in the API and the dashboard: no process, no network, no cluster."""
