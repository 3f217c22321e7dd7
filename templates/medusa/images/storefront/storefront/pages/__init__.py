"""The pages, one module for each part of the way to an order."""
