"""The dashboard: a shop's pages for its owner. It asks the intent API over HTTP and knows no cluster."""
