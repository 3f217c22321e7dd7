"""A shop's pages, rendered on the server from Medusa's Store API. No JavaScript, no database."""
