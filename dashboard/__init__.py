"""The dashboard: a shop's pages for its owner. It calls the intent API over HTTP, and has no access to the cluster."""
